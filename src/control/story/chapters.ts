import { EXPLOIT } from '../../farm/simulated/chain.js';

/** What a scripted attacker does: a TCP connection from one of its addresses. */
export interface Call {
  readonly source: string;
  readonly target: string;
  readonly port: number;
  /** Said as soon as the connection is there; else only listened. */
  readonly say?: string;
}

export interface Chapter {
  readonly title: string;
  readonly text: string;
  readonly calls: readonly Call[];
  /** Clones that come of it. */
  readonly clones: number;
  /** How many of them the monitor finds malicious. */
  readonly malicious?: number;
}

const HTTP = 80;
const SSH = 22;
const SMTP = 25;
/** Where the service `chain` of the image linux listens, the real one as well as the simulated. */
const CHAIN = 7007;

const sweep = (source: string): Call[] =>
  Array.from({ length: 12 }, (_, i) => ({ source, target: `10.99.16.${i + 1}`, port: HTTP }));

/** How many machines the worm of the last chapter goes on to. */
export const HOPS = 3;

/** What the clones of a story are. */
export type World = 'machines' | 'simulated';

const CONVERSATIONS: Record<World, Pick<Chapter, 'text' | 'calls' | 'clones'>> = {
  machines: {
    text: `198.51.100.20 talks to three machines. Each is a Debian server of its own, with its own name, keys and address, and was frozen long before anybody called it.`,
    calls: [
      { source: '198.51.100.20', target: '10.99.4.8', port: HTTP, say: 'GET / HTTP/1.0\r\n\r\n' },
      { source: '198.51.100.20', target: '10.99.1.2', port: SSH },
      { source: '198.51.100.20', target: '10.99.77.3', port: SMTP },
    ],
    clones: 3,
  },
  simulated: {
    text: `198.51.100.20 talks to two machines. The address map says what is there: 10.99.4.8 is a Windows XP box with IIS, 10.99.1.2 a Linux server.`,
    calls: [
      { source: '198.51.100.20', target: '10.99.4.8', port: HTTP, say: 'GET / HTTP/1.0\r\n\r\n' },
      { source: '198.51.100.20', target: '10.99.1.2', port: SSH },
    ],
    clones: 2,
  },
};

/**
 * The demonstration. Each source appears in one chapter only, so that one knows by it to which chapter a universe
 * belongs.
 */
export const chapters = (world: World): readonly Chapter[] => [
  {
    title: 'A scan',
    text: `198.51.100.7 looks for web servers at 10.99.16.1 to .12. The first address becomes a machine and answers; eleven more of the same would teach nothing, so the scan filter drops these packets.`,
    calls: sweep('198.51.100.7'),
    clones: 1,
  },
  {
    title: 'The same scan by somebody else',
    text: `198.51.100.8 does the same, and is a scan of its own. It gets a universe of its own as well: for both of them 10.99.16.1 is a machine that nobody else has touched.`,
    calls: sweep('198.51.100.8'),
    clones: 1,
  },
  {
    title: 'Conversations',
    ...CONVERSATIONS[world],
  },
  {
    title: 'A worm',
    text: `198.51.100.30 infects A, 10.99.66.1. A attacks B, B attacks C, C attacks D. The export policy lets none of this out: it is reflected, and other clones of the same universe play the victims. What A was sent is seen again from A to B, and from B to C: the monitor calls them malicious.`,
    calls: [{ source: '198.51.100.30', target: '10.99.66.1', port: CHAIN, say: `${EXPLOIT}go ${HOPS}\n` }],
    clones: HOPS + 1,
    malicious: HOPS,
  },
];
