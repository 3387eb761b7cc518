import { Failure } from '../failure.js';

/** The addresses of every lab; labs of different names are different sets of namespaces, and never meet. */
export const ADDRESSES = {
  /** The telescope: what the router sends through the tunnel. */
  dark: '10.99.0.0/16',
  /** The Internet: one network, in which the attacker has many addresses. */
  internet: '198.51.100.0/24',
  attackers: Array.from({ length: 50 }, (_, i) => `198.51.100.${i + 1}`),
  /** The router, on the Internet's side and on the tunnel's. */
  uplink: '198.51.100.254',
  router: '192.0.2.1',
  gateway: '192.0.2.2',
} as const;

/** Interfaces: between attacker and router, between router and gateway, and the router's way into the tunnel. */
export const INTERFACES = { wan: 'wan', leg: 'leg', dark: 'dark' } as const;

/** Bytes: of an inner packet, and of the leg, on which it travels in GRE with all options. */
export const MTU = { inner: 1500, leg: 1600 } as const;

export const DEFAULT_NAME = 'potemkin';
/** Where the files of labs are, one folder a lab. */
export const DEFAULT_STATE = '/run/potemkin';

/** The network namespaces of a lab. */
export interface Namespaces {
  readonly attacker: string;
  readonly router: string;
  readonly gateway: string;
}

export function namespaces(name: string): Namespaces {
  if (!/^[a-z0-9][a-z0-9-]{0,30}$/.test(name)) {
    throw new Failure(`--name: expected up to 31 lower-case letters, digits and hyphens, not '${name}'`);
  }
  return { attacker: `${name}-attacker`, router: `${name}-router`, gateway: `${name}-gateway` };
}
