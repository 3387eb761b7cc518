/** The rules by which the kernel lets packets out: none that a ceiling does not name. */
import type { CeilingBox } from '../../farm/policy/ceiling.js';
import type { Range } from '../../packet/pattern/pattern.js';
import { tidy } from '../../packet/pattern/ranges.js';
import { PROTOCOL } from '../../packet/protocol.js';
import { GRE, GRE_HEADER, GRE_OPTION, type Header, headerAt, IP_HEADER } from './header.js';
import { type Exit, type FilterPlan, type Learnt, PASSED, type Reason, type TunnelFacts } from './plan.js';
import { ARP, type Chain, chain, ethernetType, IPV4, within } from './text.js';

/** ICMP errors that a host tells of what reaches it: destination unreachable, time exceeded, parameter problem (RFC 1122). */
const ERRORS = [3, 11, 12];
const ECHO_REPLY = 0;

/** Bytes of an IPv4 packet with the whole fixed header of its protocol. */
const LEAST = { tcp: 40, udp: 28, icmp: 28, quoting: 56 };

/** Units of 8 bytes: a fragment that begins before may replace what the rules were tried on (RFC 1858, RFC 3128). */
const BEHIND_TCP_HEADER = 3;

const PORTS = 0xffff;
const ADDRESSES = 0xffffffff;

const drop = (reason: Reason): string => `counter name ${reason} drop`;

/** Destinations by the rest of a box, so that a long list of networks is one rule. */
function grouped(boxes: readonly CeilingBox[], of: (box: CeilingBox) => string): Map<string, Range[]> {
  const groups = new Map<string, Range[]>();
  for (const box of boxes) {
    const rest = of(box);
    groups.set(rest, [...(groups.get(rest) ?? []), box.dst]);
  }
  return groups;
}

/** The rules of boxes for a protocol: those that anything may use, then those for answers. */
function boxRules(name: string, h: Header, boxes: readonly CeilingBox[], protocol: number, answers?: string): string[] {
  const hasPorts = protocol === PROTOCOL.tcp || protocol === PROTOCOL.udp;
  const fitting = boxes.filter(
    ({ proto, dport }) =>
      proto[0] <= protocol && protocol <= proto[1] && (hasPorts || (dport[0] === 0 && dport[1] === PORTS)),
  );
  const rules = (replyOnly: boolean, target: string) =>
    [
      ...grouped(
        fitting.filter((box) => box.replyOnly === replyOnly),
        ({ dport }) => (hasPorts ? within(h.dport, [dport], PORTS) : ''),
      ),
    ].map(([ports, dst]) => `${within(h.dst, tidy(dst), ADDRESSES)}${ports}goto ${target}`);
  return [...rules(false, `${name}_pass`), ...(answers === undefined ? [] : rules(true, answers)), drop('ceiling')];
}

/** A protocol that has neither ports nor answers that anybody knows. */
function otherRules(name: string, h: Header, boxes: readonly CeilingBox[]): string[] {
  const open = boxes.filter(({ replyOnly, dport }) => !replyOnly && dport[0] === 0 && dport[1] === PORTS);
  const rules = [...grouped(open, ({ proto }) => within(h.proto, [proto], 0xff))].map(
    ([proto, dst]) => `${within(h.dst, tidy(dst), ADDRESSES)}${proto}goto ${name}_pass`,
  );
  return [...rules, drop('ceiling')];
}

/** Lets pass what belongs to a conversation that somebody outside began. */
function answerRules(name: string, kind: Learnt, h: Header): string[] {
  const key = `${h.src} . ${h.dst} . ${kind === 'echo' ? `${h.echoId} . ${h.echoId}` : `${h.sport} . ${h.dport}`}`;
  const answered = `update @answered_${kind} { ${key} } `;
  return [
    `${key} @contacted_${kind} ${answered}goto ${name}_pass`,
    // There was no room to note it as answered.
    `${key} @contacted_${kind} goto ${name}_pass`,
    `${key} @answered_${kind} ${answered}goto ${name}_pass`,
    drop('uncontacted'),
  ];
}

/**
 * Lets pass an ICMP error about a packet that somebody outside sent to this very clone: the conversation of the quoted
 * packet is looked up twice, by the quoted addresses and by those of the error itself.
 */
function errorRules(name: string, h: Header): string[] {
  const q = headerAt(h.quoted);
  const about = (kind: Learnt, proto: number) => {
    const ports = kind === 'echo' ? `${q.echoId} . ${q.echoId}` : `${q.dport} . ${q.sport}`;
    return ['contacted', 'answered'].map(
      (set) =>
        `${q.proto} ${proto} ${q.dst} . ${q.src} . ${ports} @${set}_${kind} ` +
        `${h.src} . ${h.dst} . ${ports} @${set}_${kind} goto ${name}_pass`,
    );
  };
  return [
    `${h.total} < ${LEAST.quoting} ${drop('malformed')}`,
    `${q.start} != 0x45 ${drop('uncontacted')}`,
    `${q.fragment} & 0x1fff != 0 ${drop('uncontacted')}`,
    ...about('tcp', PROTOCOL.tcp),
    ...about('udp', PROTOCOL.udp),
    ...about('echo', PROTOCOL.icmp),
    drop('uncontacted'),
  ];
}

/** The chains of one exit, the first of a packet's way last. */
function exitChains(name: string, { tunnel, boxes }: Exit): Chain[] {
  const h = headerAt(tunnel ? IP_HEADER + greBytes(tunnel) : 0);
  const { tcp, udp, icmp } = PROTOCOL;
  const datagram = `${h.src} . ${h.dst} . ${h.proto} . ${h.id}`;
  const pass = `counter name ${PASSED} accept`;
  if (!boxes) return [chain(name, [pass])];
  const unroutable: Range[] = [
    [0, 0x00ffffff],
    [0x7f000000, 0x7fffffff],
    [0xe0000000, 0xffffffff],
    ...(tunnel ? [tunnel.local, tunnel.remote].map((end): Range => [end, end]) : []),
  ];
  return [
    chain(`${name}_pass`, [`${h.fragment} & 0x2000 != 0 update @fragments { ${datagram} }`, pass]),
    chain(`${name}_later`, [
      `${h.fragment} & 0x1fff < ${BEHIND_TCP_HEADER} ${drop('fragment')}`,
      `${datagram} @fragments ${pass}`,
      drop('fragment'),
    ]),
    chain(`${name}_tcp_answer`, [
      // A SYN without ACK begins a connection, whoever contacted whom.
      `${h.tcpFlags} & 0x12 == 0x02 ${drop('uncontacted')}`,
      ...answerRules(name, 'tcp', h),
    ]),
    chain(`${name}_udp_answer`, answerRules(name, 'udp', h)),
    chain(`${name}_error`, errorRules(name, h)),
    chain(`${name}_icmp_answer`, [
      `${h.icmpType} { ${ERRORS.join(', ')} } goto ${name}_error`,
      `${h.icmpType} != ${ECHO_REPLY} ${drop('uncontacted')}`,
      ...answerRules(name, 'echo', h),
    ]),
    chain(`${name}_tcp`, [
      `${h.total} < ${LEAST.tcp} ${drop('malformed')}`,
      ...boxRules(name, h, boxes, tcp, `${name}_tcp_answer`),
    ]),
    chain(`${name}_udp`, [
      `${h.total} < ${LEAST.udp} ${drop('malformed')}`,
      ...boxRules(name, h, boxes, udp, `${name}_udp_answer`),
    ]),
    chain(`${name}_icmp`, [
      `${h.total} < ${LEAST.icmp} ${drop('malformed')}`,
      ...boxRules(name, h, boxes, icmp, `${name}_icmp_answer`),
    ]),
    chain(name, [
      `${h.start} != 0x45 ${drop('malformed')}`,
      `${h.dst} { ${tidy(unroutable)
        .map(([from, to]) => `${from}-${to}`)
        .join(', ')} } ${drop('unroutable')}`,
      `${h.fragment} & 0x1fff != 0 goto ${name}_later`,
      `${h.proto} vmap { ${tcp} : goto ${name}_tcp, ${udp} : goto ${name}_udp, ${icmp} : goto ${name}_icmp }`,
      ...otherRules(name, h, boxes),
    ]),
  ];
}

const greBytes = ({ key, checksum, sequence }: TunnelFacts): number =>
  GRE_HEADER + GRE_OPTION * [key !== undefined, checksum, sequence].filter(Boolean).length;

/** What all packets of a tunnel have in common. */
function tunnelMatch({ local, remote, key, checksum, sequence }: TunnelFacts): string {
  const outer = headerAt(0);
  const flags = (checksum ? GRE.checksum : 0) | (key !== undefined ? GRE.key : 0) | (sequence ? GRE.sequence : 0);
  return (
    `${outer.start} 0x45 ${outer.fragment} & 0xbfff == 0 ${outer.proto} ${PROTOCOL.gre} ` +
    `${outer.src} ${local} ${outer.dst} ${remote} ${outer.gre} ${flags * 0x10000 + IPV4} ` +
    (key === undefined ? '' : `${outer.greOption(checksum ? 1 : 0)} ${key} `)
  );
}

/**
 * The chains of what leaves by one interface. If it is not the gateway's alone, what the host itself sends passes: all
 * that is no GRE from or to an end of a tunnel.
 */
export function deviceChains(number: number, exits: readonly Exit[], plan: FilterPlan): Chain[] {
  const { whole, questions, own } = plan;
  const [{ device, ethernet }] = exits as [Exit];
  const name = `leave${number}`;
  const outer = headerAt(0);
  const link = ethernetType({ device, ethernet }, IPV4);
  const chains: Chain[] = [];
  const rules: string[] = [];
  const ends = new Set<string>();
  // No clone has an address of the gateway's.
  if (whole)
    for (const { server, port } of questions)
      for (const address of own)
        rules.push(
          `${link}${outer.start} 0x45 ${outer.fragment} & 0xbfff == 0 ${outer.proto} { ${PROTOCOL.tcp}, ${PROTOCOL.udp} } ` +
            `${outer.src} ${address} ${outer.dst} ${server} ${outer.dport} ${port} accept`,
        );
  for (const [i, exit] of exits.entries()) {
    const { tunnel } = exit;
    chains.push(...exitChains(`${name}_exit${i}`, exit));
    rules.push(`${link}${tunnel ? tunnelMatch(tunnel) : ''}goto ${name}_exit${i}`);
    if (tunnel) ends.add(`${outer.src} ${tunnel.local}`).add(`${outer.dst} ${tunnel.remote}`);
  }
  if (whole) rules.push(...(ethernet ? [`${ethernetType({ device, ethernet }, ARP)}accept`] : []), drop('other'));
  else rules.push(...[...ends].map((end) => `${link}${outer.proto} ${PROTOCOL.gre} ${end} ${drop('other')}`));
  chains.push(chain(name, rules, { hook: 'egress', device, policy: whole ? 'drop' : 'accept' }));
  return chains;
}
