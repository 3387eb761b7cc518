/** A farm on a test bench. */
import { CloneFarm } from '../../../src/elements/CloneFarm.js';
import { Images } from '../../../src/farm/images.js';
import { Universes } from '../../../src/farm/universes.js';
import { parseAddress } from '../../../src/packet/address.js';
import { columnsOf, craft, type Wanted } from '../craft.js';
import { rig } from '../rig.js';

export const at = (address: string) => parseAddress(address)!;
export const ATTACKER = at('198.51.100.7');

export async function bench<Farm extends CloneFarm = CloneFarm>(
  t: { teardown(end: () => Promise<void>): void },
  config = '',
  Class: Parameters<typeof rig<Farm>>[0] = CloneFarm as never,
  { images = 'config/images', state }: { images?: string; state?: string } = {},
) {
  const options = state === undefined ? {} : { state };
  const made = rig<Farm>(Class, `IMAGES ${images}${config && `, ${config}`}`, options);
  const universes = made.engine.services.shared(Universes);
  const image = made.engine.services.shared(Images).number('linux') + 1;
  await made.engine.start();
  t.teardown(() => made.engine.stop());
  const drops = () =>
    Object.fromEntries(Object.entries(made.element.drops).flatMap(([name, { rows }]) => (rows ? [[name, rows]] : [])));
  return {
    ...made,
    universes,
    drops,
    begin: (target: string) => universes.create(ATTACKER, at(target)),
    /** A ping for an address in a universe. Without an image it is that of a flow known before. */
    ping(universe: { id: number }, address: string, known = false) {
      this.send(universe, { proto: 1, dst: at(address) }, known);
    },
    /** The same, from a clone, as if it had been reflected. */
    pingFrom(clone: { id: number; address: number }, universe: { id: number }, address: string) {
      const packet = craft({ src: clone.address, proto: 1, dst: at(address) });
      made.put(packet, { ...columnsOf(packet), universe: universe.id, image, clone: clone.id });
    },
    send(universe: { id: number }, wanted: Wanted, known = false) {
      const packet = craft({ src: ATTACKER, ...wanted });
      made.put(packet, { ...columnsOf(packet), universe: universe.id, image: known ? 0 : image });
    },
  };
}
