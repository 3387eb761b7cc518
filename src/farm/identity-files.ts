import { generateKeyPairSync, randomBytes } from 'node:crypto';

/** What the gateway can make for a file of a clone's identity. */
export const IDENTITY_FILES = ['hostname', 'machine-id', 'ssh-ed25519'] as const;

export type IdentityFileKind = (typeof IDENTITY_FILES)[number];

const sshString = (bytes: Uint8Array) => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
};

/** An Ed25519 host key in Dropbear's format: the name of the algorithm, then private and public key. */
function dropbearKey(): Buffer {
  const { d, x } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const keys = Buffer.concat([Buffer.from(d!, 'base64url'), Buffer.from(x!, 'base64url')]);
  return Buffer.concat([sshString(Buffer.from('ssh-ed25519')), sshString(keys)]);
}

const MAKERS: Record<IdentityFileKind, (hostname: string) => Uint8Array> = {
  hostname: (hostname) => Buffer.from(`${hostname}\n`, 'latin1'),
  'machine-id': () => Buffer.from(`${randomBytes(16).toString('hex')}\n`),
  'ssh-ed25519': dropbearKey,
};

/** What such a file holds in the clone of this name: another content each time it is asked for. */
export function identityFile(kind: IdentityFileKind, hostname: string): Uint8Array {
  return MAKERS[kind](hostname);
}
