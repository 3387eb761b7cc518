/** Graphs for tests of GRE. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';

const config = (path: string) => fileURLToPath(new URL(`../../../config/${path}`, import.meta.url));

export interface TunnelEnd {
  /** Our address. */
  readonly local: string;
  /** Further configuration of GreTunnel, such as `KEY 7, CHECKSUM true`. */
  readonly options?: string;
}

/**
 * Writes the graph of a gateway with several tunnels to one router; the name of each is that of its GreTunnel. Behind
 * each is the chain of config/farm.click, with a farm of its own and no scan filter. The image `linux` plays every
 * address.
 * @returns the path of the file
 */
export function greGraph(t: Test, router: string, tunnels: Readonly<Record<string, TunnelEnd>>): string {
  const lines = Object.entries(tunnels).map(
    ([name, { local, options }]) =>
      `${name} :: GreTunnel(LOCAL ${local}, REMOTE ${router}${options ? `, ${options}` : ''}) -> Chain -> ${name};`,
  );
  const graph = `elementclass Chain {
  flows  :: FlowTable(FLOWS 1024);
  bind   :: Dispatcher(MAP addresses.map);
  farm   :: CloneFarm(IMAGES ${config('images')}, MEMORY 64M, CLONES 100);
  export :: ExportPolicy(POLICY ${config('policies/closed.policy')});

  input -> CheckIPHeader -> [outside] flows;
  flows[known] -> farm;
  flows[new] -> UniverseTagger(UNIVERSES 1024) -> bind -> farm;
  flows[stray] -> Discard;

  farm -> CheckIPHeader -> [inside] flows;
  flows[inside] -> export;
  export[forward] -> output;
  export[reflect] -> Discard;
  export[redirect] -> Discard;
  export[drop] -> Discard;
}

${lines.join('\n')}
`;
  return join(t.testdir({ 'gre.click': graph, 'addresses.map': '0.0.0.0/0 linux\n' }), 'gre.click');
}
