import { type Prefix, parsePrefix } from '../../packet/address.js';
import type { ConfigOf, Spec } from '../../pipeline/spec.js';
import {
  address,
  bytes,
  choice,
  count,
  custom,
  fileValue,
  optional,
  seconds,
  text,
  ValueError,
} from '../../pipeline/values.js';
import { SINKS, type SinkName } from './kinds.js';
import { AllowedNames } from './real-resolver.js';
import { Zone } from './zone.js';

/** A prefix, or a word for none. */
const prefix = (doc: string, none?: string) =>
  custom<Prefix | undefined>('prefix', undefined, doc, (value) => {
    if (none !== undefined && value.toLowerCase() === none) return undefined;
    const read = parsePrefix(value);
    if (!read) throw new ValueError(`expected a prefix such as 198.18.0.0/15${none ? `, or ${none}` : ''}`);
    return read;
  });

const LONGEST_PAGE = 2 ** 20;

/** Configuration keys of what sinks play. */
export const SINKS_CONFIG = {
  play: custom<readonly SinkName[]>(
    'sinks',
    SINKS,
    `Which sinks there are: ${SINKS.join(' ')}. A rule names them: redirect dns.`,
    (value) => {
      const names = value.split(/\s+/).map((name) => {
        const known = SINKS.find((each) => each === name);
        if (known === undefined) throw new ValueError(`expected sinks such as '${SINKS.join(' ')}', not '${name}'`);
        return known;
      });
      return [...new Set(names)];
    },
    (value) => value.join(' '),
  ),
  zone: optional(
    fileValue('zone', 'Names that the DNS sink knows: lines of name, type and value. See docs/sinks.md.', {
      read: (content, file) => new Zone(content, file),
    }),
  ),
  unknown: optional(
    prefix('Prefix of which a name that the zone does not know gets an address; or nxdomain.', 'nxdomain'),
  ),
  questions: count(50, 'DNS questions of a clone in a second. What is more is not answered.', { min: 1 }),
  resolve: optional(
    fileValue('list of names', 'Names that are looked up for real, at UPSTREAM; a pattern a line. Default: none.', {
      read: (content, file) => new AllowedNames(content, file),
    }),
  ),
  upstream: optional(address(undefined, 'The DNS server that is asked for them.')),
  upstreamPort: count(53, 'Its port.', { min: 1, max: 65_535 }),
  upstreamClone: count(30, 'Questions to it in a minute for each clone.', { min: 1 }),
  upstreamFarm: count(300, 'The same for all clones together.', { min: 1 }),
  telescope: optional(prefix('Addresses that are ours to play: no real answer may lead there.')),
  host: text('mail', 'What the SMTP sink calls itself.'),
  banner: text('ESMTP Postfix', 'What it says after its name when it greets.'),
  server: text('Apache', 'What the HTTP sink says it is.'),
  page: optional(
    fileValue('page', 'The page that it has for every path of every host.', {
      read: (content) => {
        const page = Buffer.from(content);
        if (page.length > LONGEST_PAGE) throw new Error(`expected at most ${LONGEST_PAGE} bytes`);
        return page;
      },
    }),
  ),
  store: choice(
    ['on', 'off', 'always'],
    'on',
    'Whether mails and requests are kept, in the folder sinks of the state folder: in a replay only `always`.',
  ),
  items: count(10_000, 'Mails and requests that the folder may hold. When it is full no more are kept.'),
  itemBytes: bytes(2 ** 30, 'Bytes that they may take.'),
  message: bytes(256 * 1024, 'Bytes that are kept of one mail, or of the body of one request.'),
  endpoints: count(4096, 'Addresses that sinks play at once; the one that was quiet longest goes first.', { min: 1 }),
  connections: count(4096, 'TCP connections to all of them.', { min: 1 }),
  memory: bytes(64 * 2 ** 20, 'Memory for connections, and again as much for what is said on them.'),
  idle: seconds(120, 'Time after which an address that nobody talks to is forgotten.'),
} as const;

export type SinksConfig = ConfigOf<Omit<Spec, 'config'> & { readonly config: typeof SINKS_CONFIG }>;
