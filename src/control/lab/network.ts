import { Failure } from '../failure.js';
import { thread } from '../thread.js';
import { ip, ipBatch, listNamespaces } from './ip.js';
import { ADDRESSES, INTERFACES, MTU, type Namespaces } from './layout.js';
import type { Tuning } from './tune.js';

const { wan, leg, dark } = INTERFACES;
/** Packets that may wait for the router's process. */
const QUEUE = 10_000;

const NO_IPV6 = { 'ipv6/conf/all/disable_ipv6': '1', 'ipv6/conf/default/disable_ipv6': '1' };
/** Its way to the telescope is not the way by which its packets come, and it is a router. */
const ROUTER = {
  ...NO_IPV6,
  'ipv4/ip_forward': '1',
  'ipv4/conf/all/rp_filter': '0',
  'ipv4/conf/default/rp_filter': '0',
};

/** Makes the namespaces, joins them and gives them their addresses. All but the tunnel is there then. */
export async function makeNetwork({ attacker, router, gateway }: Namespaces): Promise<void> {
  for (const namespace of [attacker, router, gateway]) ip(['netns', 'add', namespace]);
  ip(['-n', attacker, 'link', 'add', wan, 'type', 'veth', 'peer', 'name', wan, 'netns', router]);
  ip(['-n', router, 'link', 'add', leg, 'type', 'veth', 'peer', 'name', leg, 'netns', gateway]);
  const tuning: readonly Tuning[] = [
    { namespace: attacker, sysctls: NO_IPV6, interfaces: [wan] },
    { namespace: router, sysctls: ROUTER, interfaces: [wan, leg] },
    { namespace: gateway, sysctls: NO_IPV6, interfaces: [leg] },
  ];
  for await (const _ of thread(new URL('./tune.js', import.meta.url), tuning));

  const network = ADDRESSES.internet.slice(ADDRESSES.internet.indexOf('/'));
  ipBatch(router, [
    'link set lo up',
    `addr add ${ADDRESSES.uplink}${network} dev ${wan}`,
    `addr add ${ADDRESSES.router}/24 dev ${leg}`,
    `link set ${wan} up`,
    `link set ${leg} mtu ${MTU.leg} up`,
  ]);
  ipBatch(gateway, [
    'link set lo up',
    `addr add ${ADDRESSES.gateway}/24 dev ${leg}`,
    `link set ${leg} mtu ${MTU.leg} up`,
  ]);
  ipBatch(attacker, [
    'link set lo up',
    ...ADDRESSES.attackers.map((address) => `addr add ${address}${network} dev ${wan}`),
    `link set ${wan} up`,
    `route add ${ADDRESSES.dark} via ${ADDRESSES.uplink}`,
  ]);
}

/** Makes the router's kernel the end of the tunnel. */
export function makeKernelTunnel({ router }: Namespaces): void {
  const ends = ['local', ADDRESSES.router, 'remote', ADDRESSES.gateway];
  try {
    ip(['-n', router, 'link', 'add', dark, 'type', 'gre', ...ends]);
  } catch (error) {
    throw new Failure(`--gre kernel: this kernel seems to have no GRE devices: ${(error as Error).message}`);
  }
}

/** Sends the telescope into the tunnel, whose interface is there. */
export function routeIntoTunnel({ router }: Namespaces): void {
  ipBatch(router, [
    `link set ${dark} mtu ${MTU.inner} txqueuelen ${QUEUE} up`,
    `route add ${ADDRESSES.dark} dev ${dark}`,
  ]);
}

/** Removes whatever is there. The links go first: a namespace lives on as long as a process is in it. */
export function removeNetwork({ attacker, router, gateway }: Namespaces): void {
  const there = new Set(listNamespaces());
  for (const [namespace, link] of [
    [attacker, wan],
    [gateway, leg],
    [router, dark],
  ] as const) {
    if (there.has(namespace) && hasLink(namespace, link)) ip(['-n', namespace, 'link', 'del', link]);
  }
  for (const namespace of [attacker, router, gateway]) if (there.has(namespace)) ip(['netns', 'del', namespace]);
}

export function hasLink(namespace: string, link: string): boolean {
  const found = JSON.parse(ip(['-n', namespace, '-json', 'link', 'show'])) as { ifname?: string }[];
  return found.some(({ ifname }) => ifname === link);
}
