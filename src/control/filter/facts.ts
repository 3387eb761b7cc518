/** What a graph says about its ways out and in, from which the kernel's filter is made. */
import { ExportPolicy } from '../../elements/ExportPolicy.js';
import { FlowTable } from '../../elements/FlowTable.js';
import { FromDevice } from '../../elements/FromDevice.js';
import { GreTunnel } from '../../elements/GreTunnel.js';
import { elements as registry } from '../../elements/index.js';
import { Sinks } from '../../elements/Sinks.js';
import { ToDevice } from '../../elements/ToDevice.js';
import type { CeilingBox } from '../../farm/policy/ceiling.js';
import { ceilingInForce } from '../../farm/policy/in-force.js';
import { interfaceWith } from '../../packet/drivers/interfaces.js';
import type { CheckedGraph } from '../../pipeline/check.js';
import type { ElementClass } from '../../pipeline/element.js';
import { guardedExits } from '../../pipeline/exits.js';
import type { ConfigOf } from '../../pipeline/spec.js';
import { Failure } from '../failure.js';
import type { FilterPlan, Question, TunnelFacts } from './plan.js';

/** An exit or entrance, before anything is known of its interface. */
interface Way {
  readonly device: string;
  readonly tunnel?: TunnelFacts;
}

export interface FilterFacts {
  readonly exits: readonly (Way & { readonly boxes: readonly CeilingBox[] | undefined })[];
  readonly entrances: readonly Way[];
  readonly questions: readonly Question[];
  readonly quiet: FilterPlan['quiet'];
}

/** Seconds that the kernel remembers a conversation for longer than the flow table does. */
const LONGER = 60;

/** The kernel's own limit (IFNAMSIZ), without what nft would read as something else. */
const DEVICE = /^[A-Za-z0-9_.:@-]{1,15}$/;

function known(device: string): string {
  if (DEVICE.test(device)) return device;
  throw new Failure(`the kernel's filter cannot be made for an interface that is called '${device}'`);
}

/** The elements of a class, with their numbers and configurations. */
function all<C extends ElementClass>({ flat, configs }: CheckedGraph, Class: C) {
  return flat.elements.flatMap(({ class: name }, number) =>
    registry.get(name) === Class ? [{ number, config: configs[number] as ConfigOf<C['spec']> }] : [],
  );
}

/** Whether clones' packets leave a graph by a network interface, so that a filter is of use. */
export function hasGuardedExit({ flat }: CheckedGraph): boolean {
  return guardedExits(flat, registry).length > 0;
}

/** To be called in the thread and network namespace of the data plane. @throws {Failure} if no filter can be made. */
export function filterFacts(graph: CheckedGraph): FilterFacts {
  const guarded = guardedExits(graph.flat, registry);
  const wrapping = guarded.find((each) => each.wrapping !== undefined)?.wrapping;
  if (wrapping !== undefined) {
    const { name } = graph.flat.elements[wrapping]!;
    throw new Failure(`the kernel's filter cannot look into what ${name} wraps: use GreTunnel, or --filter off`);
  }
  const policies = new Map(all(graph, ExportPolicy).map(({ number, config }) => [number, config]));
  const boxes = (exit: number) => {
    const licences = guarded.filter((each) => each.exit === exit);
    return licences.length === 0 ? undefined : licences.flatMap(({ guard }) => boxesOf(policies.get(guard)));
  };
  const tunnels = all(graph, GreTunnel).flatMap(
    ({ number, config: { device, local, remote, key, checksum, sequence } }) => {
      const found = device ?? interfaceWith(local);
      // The element itself says so when it starts.
      if (found === undefined) return [];
      return { device: known(found), tunnel: { local, remote, key, checksum, sequence }, boxes: boxes(number) };
    },
  );
  const devices = all(graph, ToDevice).map(({ number, config }) => ({
    device: known(config.device),
    boxes: boxes(number),
  }));
  const entrances = all(graph, FromDevice).map(({ config }) => ({ device: known(config.device) }));
  const timeouts = all(graph, FlowTable).map(({ config }) => config);
  const longest = (of: (config: (typeof timeouts)[number]) => number) =>
    Math.ceil(Math.max(0, ...timeouts.map(of))) + LONGER;
  const exits = [...tunnels, ...devices];
  // Of interfaces by which no clone's packet leaves nothing is said.
  const filtered = new Set(exits.filter((exit) => exit.boxes).map(({ device }) => device));
  return {
    exits: exits.filter(({ device }) => filtered.has(device)),
    entrances: [...tunnels.map(({ device, tunnel }) => ({ device, tunnel })), ...entrances],
    questions: all(graph, Sinks).flatMap(({ config: { resolve, upstream, upstreamPort } }) =>
      resolve === undefined || upstream === undefined ? [] : { server: upstream, port: upstreamPort },
    ),
    quiet: {
      tcp: longest(({ timeout, transitory }) => Math.max(timeout, transitory)),
      udp: longest(({ udp }) => udp),
      echo: longest(({ icmp }) => icmp),
    },
  };
}

function boxesOf(config: ConfigOf<typeof ExportPolicy.spec> | undefined): readonly CeilingBox[] {
  if (!config) throw new Failure('the kernel’s filter cannot be made: only an ExportPolicy says what may leave');
  return ceilingInForce(config.policy, config.mail).boxes;
}
