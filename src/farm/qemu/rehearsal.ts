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

type Somebody = Place & { readonly hostname: string };

/**
 * Somebody to play in a round of a rehearsal. Each is another one in another network, with a name as long as those that
 * come later: what then differs is what was rehearsed.
 */
function somebody(role: Role, round: number): Somebody {
  const { address, gateway, length } = role.address;
  const away = (round + 1) << 8;
  const mac = Uint8Array.of(...FROZEN_MAC.subarray(0, 5), FROZEN_MAC[5]! + round + 1);
  return { address: address + away, gateway: gateway + away, prefix: length, mac, hostname: `host-0000000${round}` };
}

/** What of an image a rehearsal needs to know. */
export type Role = Pick<Manifest, 'name' | 'address' | 'files' | 'warm' | 'mailbox'>;

/** Has the agent of a machine that runs take on an identity, which is not its last. @throws {Error} if it does not */
async function takeOn(machine: Machine, role: Role, nursery: Nursery, identity: Somebody): Promise<void> {
  nursery.move(machine.id, identity);
  const announced = nursery.announced(machine.id, PATIENCE);
  machine.post(role.mailbox!, identityLetter(role, identity, identity, false));
  if (!(await announced))
    throw new Error(`it announced no identity when that was rehearsed: ${machine.outcome(role.mailbox!)}`);
}

/** Gives a machine that has practised what it had before. */
export async function giveBack(machine: Machine, role: Role, nursery: Nursery): Promise<void> {
  const identity = { ...frozenPlace(role), hostname: role.name };
  if (role.mailbox !== undefined) await takeOn(machine, role, nursery, identity);
}

/**
 * Lets a machine that runs do what it will have to do when it plays somebody: take on an identity and answer on its
 * ports. Under software emulation nearly all of the time that this takes at first is the translation of code.
 * @throws {Error} if it does not do it
 */
export async function practise(machine: Machine, role: Role, nursery: Nursery): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    if (role.mailbox !== undefined) await takeOn(machine, role, nursery, somebody(role, round));
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
