import type { Lab } from './lab.js';
import { ADDRESSES } from './layout.js';

async function tunnelEnd(lab: Lab): Promise<string> {
  const { router } = lab;
  if (!router) return "GRE by the router's kernel";
  const counters = await lab.counters();
  const counts = counters
    ? `: ${counters.into} packets into the tunnel, ${counters.out} out of it, ${counters.astray} astray`
    : '';
  return `GRE by process ${router.pid}${counts}`;
}

/** The parts of a lab that is up, a line each. */
export async function describeParts(lab: Lab): Promise<string> {
  const { attacker, router, gateway } = lab.namespaces;
  const width = attacker.length + 2;
  const { attackers } = ADDRESSES;
  return [
    `  ${attacker.padEnd(width)}${attackers[0]} to ${attackers.at(-1)}, a route to ${ADDRESSES.dark}`,
    `  ${router.padEnd(width)}${ADDRESSES.uplink} and ${ADDRESSES.router}; ${await tunnelEnd(lab)}`,
    `  ${gateway.padEnd(width)}${ADDRESSES.gateway}`,
  ].join('\n');
}

/** What there is of a lab, in lines for a person. */
export async function describeLab(lab: Lab): Promise<string> {
  if (!lab.exists) return `lab ${lab.name} is not there; potemkin lab up makes it`;
  const { missing, namespaces } = lab;
  if (missing.length > 0) return `lab ${lab.name} is broken: ${missing.join(', ')} missing; potemkin lab up repairs it`;
  return [
    await describeParts(lab),
    '',
    `  the gateway    potemkin run config/farm.click --netns ${namespaces.gateway}`,
    `  an attack      ip netns exec ${namespaces.attacker} ping 10.99.1.2`,
  ].join('\n');
}
