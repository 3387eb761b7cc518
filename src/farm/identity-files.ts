import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { IdentityFile } from './image/recipe.js';

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

const MAKERS: Record<IdentityFile['content'], (hostname: string) => Uint8Array> = {
  hostname: (hostname) => Buffer.from(`${hostname}\n`, 'latin1'),
  'machine-id': () => Buffer.from(`${randomBytes(16).toString('hex')}\n`),
  'ssh-ed25519': dropbearKey,
};

/** What such a file holds in the clone of this name: another content each time it is asked for. */
export function identityFile(kind: IdentityFile['content'], hostname: string): Uint8Array {
  return MAKERS[kind](hostname);
}
