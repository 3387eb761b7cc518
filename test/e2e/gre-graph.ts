/** A graph for tests of GRE: a gateway that has several tunnels at once, each with options of its own. */
import { fileURLToPath } from 'node:url';

const config = (path: string) => fileURLToPath(new URL(`../../../config/${path}`, import.meta.url));

export interface TunnelEnd {
  /** Our address. */
  readonly local: string;
  /** The other end's. */
  readonly remote: string;
  /** Further configuration of GreTunnel, such as `KEY 7, CHECKSUM true`. */
  readonly options?: string;
}

/**
 * A gateway with these tunnels; the name of each is that of its GreTunnel. Behind each is the chain of
 * config/farm.click, with a farm of its own and no scan filter.
 */
export function greGraph(tunnels: Readonly<Record<string, TunnelEnd>>): string {
  const lines = Object.entries(tunnels).map(
    ([name, { local, remote, options }]) =>
      `${name} :: GreTunnel(LOCAL ${local}, REMOTE ${remote}${options ? `, ${options}` : ''}) -> Chain -> ${name};`,
  );
  return `elementclass Chain {
  flows  :: FlowTable(FLOWS 1024);
  bind   :: Dispatcher(MAP ${config('addresses.map')});
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
}
