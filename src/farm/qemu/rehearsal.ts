import { randomBytes } from 'node:crypto';
import type { Identity } from '../backend.js';
import { identityFile } from '../identity-files.js';
import type { Manifest } from '../image/manifest.js';
import { FROZEN_MAC } from './command-line.js';
import type { Machine } from './machine.js';
import { ENTROPY, type Letter } from './mailbox.js';
import type { Nursery, Place } from './nursery.js';

/** Rounds of a rehearsal: the first translates code, and in the second much less is left to be. */
const ROUNDS = 2;
/** Milliseconds that a machine may take for one step of it. */
const PATIENCE = 5000;
const KNOCK = 1000;

/** Where a machine is until it plays somebody. */
export function frozenPlace({ address: { address, gateway, length } }: Pick<Manifest, 'address'>): Place {
  return { address, gateway, prefix: length, mac: FROZEN_MAC };
}

/** Everything that makes one clone different from all others, in the form in which its agent takes it. */
export function identityLetter(
  image: Pick<Manifest, 'files'>,
  identity: Pick<Identity, 'address' | 'mac' | 'hostname'>,
  { gateway, prefix }: Pick<Place, 'gateway' | 'prefix'>,
  final: boolean,
): Letter {
  return {
    identity,
    gateway,
    prefix,
    entropy: randomBytes(ENTROPY),
    time: Date.now(),
    files: image.files.map(({ path, content, mode }) => ({
      path,
      mode,
      contents: identityFile(content, identity.hostname),
    })),
    final,
  };
}

/** What of an image a rehearsal needs to know. */
export type Role = Pick<Manifest, 'name' | 'address' | 'files' | 'warm' | 'mailbox'>;

/**
 * Lets a machine that runs do what it will have to do when it plays somebody: take on an identity and answer on its
 * ports. Under software emulation nearly all of the time that this takes at first is the translation of code.
 * @throws {Error} if it does not do it
 */
export async function practise(machine: Machine, role: Role, nursery: Nursery): Promise<void> {
  const place = frozenPlace(role);
  for (let round = 0; round < ROUNDS; round++) {
    if (role.mailbox !== undefined) {
      const announced = nursery.announced(machine.id, PATIENCE);
      machine.post(role.mailbox, identityLetter(role, { ...place, hostname: role.name }, place, false));
      if (!(await announced))
        throw new Error(`it announced no identity when that was rehearsed: ${machine.outcome(role.mailbox)}`);
    }
    await nursery.ping(machine.id, KNOCK);
    for (const port of role.warm) await nursery.knock(machine.id, port, KNOCK);
  }
}

/** The same with a machine that stands still, and does so again afterwards. */
export async function rehearse(machine: Machine, role: Role, nursery: Nursery): Promise<void> {
  await machine.run();
  await practise(machine, role, nursery);
  await machine.pause();
}
