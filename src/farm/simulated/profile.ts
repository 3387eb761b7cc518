import { PAGE_SIZE } from '../pool.js';
import { type Keys, readStatements } from '../statements.js';
import { Mistake } from '../words.js';
import { WORKING_SET_AT } from './layout.js';
import { PortRules } from './ports.js';

/** What listens on a TCP port. Texts hold a byte a character; %h in them stands for the hostname. */
export type TcpService =
  | { readonly kind: 'echo' }
  | { readonly kind: 'silent' }
  | { readonly kind: 'chain' }
  | { readonly kind: 'banner'; readonly text: string }
  | { readonly kind: 'http'; readonly title: string; readonly server: string };

export type UdpService = { readonly kind: 'echo' } | { readonly kind: 'silent' };

const OPTIONS = ['mss', 'nop', 'sack', 'timestamp', 'wscale'] as const;

/** How the clones of a simulated image behave. */
export interface Profile {
  /** Bytes of memory. */
  readonly memory: number;
  readonly ttl: number;
  /** # stands for a digit that differs from clone to clone. Without it a clone is called what it was asked to be. */
  readonly hostname: string | undefined;
  /** TCP: bytes of receive window, largest segment, window shift, and the options of a SYN in their order. */
  readonly window: number;
  readonly mss: number;
  readonly windowScale: number;
  readonly options: readonly (typeof OPTIONS)[number][];
  readonly tcp: PortRules<TcpService>;
  readonly udp: PortRules<UdpService>;
  /** Pages that a clone dirties at its birth, with each connection it accepts and each packet, and at most. */
  readonly dirty: {
    readonly birth: number;
    readonly connection: number;
    readonly packet: number;
    readonly limit: number;
  };
}

/** Everything that is wrong with a profile: lines of `file:line:column: message`. */
export class ProfileError extends Error {}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Draft = Mutable<Omit<Profile, 'dirty'>> & { readonly dirty: Mutable<Profile['dirty']> };

const TEXT = 255;

/** How each key of a profile reads the rest of its line. */
const KEYS: Keys<Draft> = {
  memory: (draft, line) => {
    draft.memory = line.size();
  },
  ttl: (draft, line) => {
    draft.ttl = line.number('a TTL', 1, 255);
  },
  hostname: (draft, line) => {
    draft.hostname = line.text('a hostname', 63);
  },
  window: (draft, line) => {
    draft.window = line.number('a window in bytes', 1024, 2 ** 30);
  },
  mss: (draft, line) => {
    draft.mss = line.number('a segment size', 536, 1460);
  },
  options(draft, line) {
    const options: (typeof OPTIONS)[number][] = [];
    while (!line.done) {
      const { column } = line;
      const option = line.choice(OPTIONS, 'TCP option');
      if (option !== 'nop' && options.includes(option)) throw new Mistake(column, `option '${option}' is given twice`);
      options.push(option);
      if (option === 'wscale') draft.windowScale = line.number('a window shift', 0, 14);
    }
    draft.options = options;
  },
  tcp: (draft, line) =>
    draft.tcp.read(line, {
      echo: () => ({ kind: 'echo' }),
      silent: () => ({ kind: 'silent' }),
      chain: () => ({ kind: 'chain' }),
      banner: () => ({ kind: 'banner', text: line.text('the banner', TEXT) }),
      http: () => ({
        kind: 'http',
        title: line.text('the title of the page', TEXT),
        server: line.skip('server') ? line.text('the name of the server', TEXT) : 'Apache',
      }),
    }),
  udp: (draft, line) => draft.udp.read(line, { echo: () => ({ kind: 'echo' }), silent: () => ({ kind: 'silent' }) }),
  dirty: (draft, line) => {
    const when = line.choice(['birth', 'connection', 'packet', 'limit'], 'occasion');
    draft.dirty[when] = line.number('a number of pages', 0, 2 ** 24);
  },
};

/** Keys that may come more than once. */
const REPEATED = ['tcp', 'udp', 'dirty'];

/**
 * Reads the profile of a simulated image: a statement a line, `#` begins a comment. config/images/linux.image shows
 * them all.
 * @throws ProfileError.
 */
export function parseProfile(text: string, file: string): Profile {
  const draft: Draft = {
    memory: 128 * 2 ** 20,
    ttl: 64,
    hostname: undefined,
    window: 65535,
    mss: 1460,
    windowScale: 0,
    options: ['mss'],
    tcp: new PortRules(),
    udp: new PortRules(),
    dirty: { birth: 0, connection: 0, packet: 0, limit: Number.POSITIVE_INFINITY },
  };
  const errors = readStatements(text, file, KEYS, REPEATED, draft);
  if (errors.length > 0) throw new ProfileError(errors.join('\n'));
  const pages = (draft.memory - WORKING_SET_AT) / PAGE_SIZE;
  return { ...draft, dirty: { ...draft.dirty, limit: Math.min(draft.dirty.limit, pages) } };
}
