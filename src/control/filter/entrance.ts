/** The rules by which the kernel notes who contacted a clone. */

import { PROTOCOL } from '../../packet/protocol.js';
import { GRE, GRE_HEADER, GRE_OPTION, headerAt, IP_HEADER } from './header.js';
import { type Entrance, type Learnt, UNNOTED } from './plan.js';
import { type Chain, chain, ethernetType, IPV4 } from './text.js';

/** SYN, and neither ACK, RST nor FIN: what opens a flow (native/flow_key.cc). */
const OPENS = { mask: 0x17, value: 0x02 };
const ECHO_REQUEST = 8;

/** Any options; no routing, strict source route, version or protocol other than IPv4. */
const SOUND_GRE = { mask: 0x4c07ffff, value: 0x0800 };

/** GRE options in the order of RFC 2890, in every combination: flags, and the bytes of the header. */
const COMBINATIONS = Array.from({ length: 8 }, (_, bits) => {
  const set = [GRE.checksum, GRE.key, GRE.sequence].filter((_, bit) => bits & (1 << bit));
  return { flags: set.reduce((all, flag) => all | flag, 0), header: GRE_HEADER + GRE_OPTION * set.length };
});

/** Notes the conversation of a packet for a clone, from the clone's point of view. */
function note(kind: Learnt, at: number, opens: string): string[] {
  const h = headerAt(at);
  const [clone, outsider] = kind === 'echo' ? [h.echoId, h.echoId] : [h.dport, h.sport];
  const key = `${h.dst} . ${h.src} . ${clone} . ${outsider}`;
  return [
    `${key} @answered_${kind} update @answered_${kind} { ${key} } return`,
    `${opens}update @contacted_${kind} { ${key} } return`,
    `${opens}counter name ${UNNOTED}`,
  ];
}

/** What is noted of a packet whose IPv4 header lies at a byte. */
function noting(name: string, at: number): Chain[] {
  const h = headerAt(at);
  const { tcp, udp, icmp } = PROTOCOL;
  return [
    chain(`${name}_tcp`, note('tcp', at, `${h.tcpFlags} & ${OPENS.mask} == ${OPENS.value} `)),
    chain(`${name}_udp`, note('udp', at, '')),
    chain(`${name}_icmp`, [`${h.icmpType} != ${ECHO_REQUEST} return`, ...note('echo', at, '')]),
    chain(name, [
      `${h.start} != 0x45 return`,
      `${h.fragment} & 0x1fff != 0 return`,
      `${h.proto} vmap { ${tcp} : goto ${name}_tcp, ${udp} : goto ${name}_udp, ${icmp} : goto ${name}_icmp }`,
    ]),
  ];
}

/** The chains of what comes in by one interface. */
export function entranceChains(number: number, device: string, entrances: readonly Entrance[]): Chain[] {
  const name = `enter${number}`;
  const outer = headerAt(0);
  const rules: string[] = [];
  const chains: Chain[] = [];
  const tunnels = entrances.flatMap(({ tunnel }) => tunnel ?? []);
  const link = ethernetType(entrances[0]!, IPV4);
  if (tunnels.length > 0) {
    const headers = [...new Set(COMBINATIONS.map(({ header }) => header))];
    for (const header of headers) chains.push(...noting(`${name}_gre${header}`, IP_HEADER + header));
    const options = COMBINATIONS.map(({ flags, header }) => `${(flags << 16) >>> 0} : goto ${name}_gre${header}`);
    chains.push(chain(`${name}_gre`, [`${outer.gre} & ${0xb0000000} vmap { ${options.join(', ')} }`]));
  }
  for (const { local, remote } of tunnels)
    rules.push(
      `${link}${outer.start} 0x45 ${outer.fragment} & 0x3fff == 0 ${outer.proto} ${PROTOCOL.gre} ` +
        `${outer.src} ${remote} ${outer.dst} ${local} ${outer.gre} & ${SOUND_GRE.mask} == ${SOUND_GRE.value} goto ${name}_gre`,
    );
  if (entrances.some(({ tunnel }) => !tunnel)) {
    chains.push(...noting(`${name}_plain`, 0));
    rules.push(`${link}goto ${name}_plain`);
  }
  chains.push(chain(name, rules, { hook: 'ingress', device, policy: 'accept' }));
  return chains;
}
