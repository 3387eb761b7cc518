import t from 'tap';
import { Sinks } from '../../../src/elements/Sinks.js';
import { Images } from '../../../src/farm/images.js';
import { Universes } from '../../../src/farm/universes.js';
import { FLOW } from '../../../src/packet/flow.js';
import { columnsOf, craft, type Wanted } from '../craft.js';
import { type Columns, rig } from '../rig.js';

const CLONE = 0x0a630102;
const SERVER = 0xcb007109;

function bench(config = 'UNKNOWN 198.18.0.0/15') {
  const made = rig(Sinks, config);
  const { services } = made.engine;
  const images = services.shared(Images);
  const universe = services.shared(Universes).create(1, CLONE);
  return {
    ...made,
    images,
    universe,
    send(sink: string, wanted: Wanted = {}, columns: Columns = {}) {
      const bytes = craft({ src: CLONE, dst: SERVER, proto: 17, sport: 5353, dport: 53, ...wanted });
      const image = images.target(sink) + 1;
      made.put(bytes, { ...columnsOf(bytes), universe: universe.id, clone: 7, image, ...columns });
      return made.run();
    },
  };
}

/** A DNS question for a name. */
const question = (name: string, type = 1) =>
  Buffer.concat([
    Buffer.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    ...name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
    Buffer.from([0, 0, type, 0, 1]),
  ]);

t.test('a question is answered to the clone that asked, by whom it asked', async (t) => {
  const sinks = bench();
  const { answer, pass } = sinks.send('dns', { payload: question('www.example.com') });
  t.same(pass, []);
  t.equal(answer!.length, 1);
  const [{ bytes, ...columns }] = answer! as unknown as [{ bytes: Buffer }];
  t.match(columns, { universe: sinks.universe.id, src: SERVER, dst: CLONE, sport: 53, dport: 5353, proto: 17 });
  t.equal(bytes.readUInt16BE(28), 0x1234);
  t.equal(bytes.readUInt32BE(bytes.length - 4) >>> 17, 0xc612 >> 1, 'an address of the prefix');
  t.match(sinks.element.handlers().names.read(), /^1\twww\.example\.com\t198\.1[89]\./);
  t.match(sinks.events.at(-1), { kind: 'sink', clone: 7, what: /^A www.example.com: 198\.1[89]\./ });
});

t.test('what is not for a sink passes unchanged', async (t) => {
  const sinks = bench();
  const image = sinks.images.number('linux') + 1;
  t.match(sinks.send('dns', {}, { image }).pass, [{ image }]);
  t.match(sinks.send('dns', {}, { flowState: FLOW.reply }).pass, [{ image: 0 }], 'another clone answers');
});
