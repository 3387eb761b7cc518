/** The policies that are shipped, and what docs/policy.md says. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { ExportPolicy } from '../../src/elements/ExportPolicy.js';
import { Images } from '../../src/farm/images.js';
import { Policy } from '../../src/farm/policy/policy.js';
import { type CloneRecord, type UniverseKind, Universes } from '../../src/farm/universes.js';
import { FLOW } from '../../src/packet/flow.js';
import { columnsOf, craft, type Wanted } from '../unit/craft.js';
import { type Columns, rig } from '../unit/rig.js';

const top = fileURLToPath(new URL('../../../', import.meta.url));
const folder = join(top, 'config/policies');
const PEER = 0xcb007109;
const REPLY = { flowState: FLOW.known | FLOW.reply | FLOW.fromOutside };
const ANSWER = { flowState: FLOW.known | FLOW.reply };

/** Clones under a shipped policy, each of them in a universe of its own. */
function farm(name: string, kind: UniverseKind = 'closed') {
  const made = rig(ExportPolicy, `POLICY ${name}.policy`, { folder });
  const universes = made.engine.services.shared(Universes);
  const clones = Array.from({ length: 300 }, (_, i) => {
    const universe = universes.create(1, 2, kind);
    const clone = { id: i + 1, universe, address: 0x0a630000 + i, opened: 0, state: 'live', image: 0 };
    universe.clones.set(clone.address, clone as unknown as CloneRecord);
    return clone;
  });
  let port = 1024;
  const images = made.engine.services.shared(Images);
  const last = { player: 0 };
  return {
    ...made,
    images,
    /** Who is to play the destination of the last packet, by the column `image`. */
    last,
    /** Where a new flow of a clone goes. */
    opens(wanted: Wanted = {}, columns: Columns = {}, which = 0): string {
      const clone = clones[which]!;
      const bytes = craft({ src: clone.address, dst: PEER, proto: 6, dport: 80, sport: port++, ...wanted });
      made.put(bytes, { ...columnsOf(bytes), universe: clone.universe.id, clone: clone.id, ...columns });
      const out = made.run();
      last.player = Number(Object.values(out).flat()[0]?.['image'] ?? 0);
      return Object.keys(out).find((output) => out[output]!.length > 0) ?? 'nowhere';
    },
  };
}

const times = (count: number, call: (i: number) => string): Record<string, number> => {
  const outputs: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const output = call(i);
    outputs[output] = (outputs[output] ?? 0) + 1;
  }
  return outputs;
};

/** What holds of every shipped policy that is complete. */
function closed(t: Test, name: string, kind?: UniverseKind) {
  const { opens } = farm(name, kind);
  t.equal(opens({}, REPLY), 'forward', 'answers leave');
  for (const dst of [0xe0000001, 0xffffffff, 0x7f000001, 1])
    t.equal(opens({ dst }), 'drop', 'no machine has such an address');
  t.not(opens({ dport: 25 }), 'forward', 'no mail leaves');
  t.not(opens({}, ANSWER), 'forward', 'what is for a clone does not leave');
  t.not(opens({ proto: 17, dport: 53 }), 'forward', 'nobody asks any resolver');
}

/** A forged source must not be flooded with answers. */
function bounded(t: Test, name: string) {
  const { opens, wait } = farm(name);
  const answers = (count: number) =>
    times(count, (i) => opens({ payload: Buffer.alloc(1400) }, REPLY, i % 300)).forward ?? 0;
  const most = (16 * 2 ** 20) / 1440;
  const passed = answers(13_000);
  t.ok(passed > most - 1 && passed <= most, `${passed} answers of 1,440 bytes a minute`);
  t.equal(opens({ dst: PEER + 1 }, REPLY), 'forward', 'others get theirs');
  wait(61);
  t.equal(opens({}, REPLY), 'forward', 'and so does it a minute later');
}

t.test('reflect.policy', async (t) => {
  closed(t, 'reflect');
  bounded(t, 'reflect');
  t.same(
    times(100, () => farm('reflect').opens()),
    { reflect: 100 },
  );
});

t.test('closed.policy', async (t) => {
  closed(t, 'closed');
  bounded(t, 'closed');
  t.same(
    times(3, () => farm('closed').opens()),
    { drop: 3 },
  );
});

t.test('sinks.policy: servers are played by sinks', async (t) => {
  closed(t, 'sinks');
  bounded(t, 'sinks');
  const clones = farm('sinks');
  for (const [sink, proto, ports] of [
    ['dns', 6, [53]],
    ['dns', 17, [53]],
    ['smtp', 6, [25, 465, 587, 2525]],
    ['http', 6, [80, 8080]],
    ['ntp', 17, [123]],
  ] as const) {
    for (const dport of ports) {
      t.equal(clones.opens({ proto, dport }), 'redirect', `port ${dport}`);
      t.equal(clones.images.name(clones.last.player - 1), sink);
    }
  }
  for (const wanted of [{ dport: 445 }, { proto: 17, dport: 80 }, { proto: 6, dport: 123 }, { proto: 1 }])
    t.equal(clones.opens(wanted), 'reflect');
  t.equal(clones.opens({ dst: 0x0a630000 }), 'reflect', 'a clone that is there answers for itself');
});

t.test('honeywall.policy: the quotas of the Honeywall, in an hour of fake time', async (t) => {
  closed(t, 'honeywall');
  const { opens, wait, events } = farm('honeywall');
  const icmp = (i: number) => opens({ proto: 1, payload: Buffer.from([i]) });
  t.same(
    times(20, () => {
      wait(60);
      return opens();
    }),
    { forward: 20 },
    '20 TCP connections pass',
  );
  const seen = events.length;
  t.equal(opens(), 'reflect', 'the 21st is reflected');
  const [event] = events.slice(seen).filter(({ kind }) => kind === 'verdict');
  t.match(event, { verdict: 'reflect', quota: 'tcp 20/hour per clone: 20 of 20 used', rule: /honeywall\.policy:34$/ });
  t.same(
    times(30, () => opens({ proto: 17, dport: 1434 })),
    { forward: 20, reflect: 10 },
    'UDP is counted apart',
  );
  t.same(times(60, icmp), { forward: 50, reflect: 10 }, 'and ICMP');
  t.same(
    times(20, () => opens({ proto: 47 })),
    { forward: 10, reflect: 10 },
    'and the rest',
  );
  t.equal(opens({}, {}, 1), 'forward', 'other clones have their own');
  wait(3600 - 20 * 60);
  t.equal(opens(), 'reflect', 'a minute is missing');
  wait(60);
  t.same(
    times(25, () => opens()),
    { forward: 20, reflect: 5 },
    'the hour is over',
  );
});

t.test('honeywall.policy: what the Honeywall lacked', async (t) => {
  const sweep = farm('honeywall');
  t.same(
    times(50, (i) => sweep.opens({ dst: PEER + i, proto: [6, 17, 1][i % 3]! })),
    { forward: 30, reflect: 20 },
    'destinations are counted',
  );
  const far = farm('honeywall');
  t.same(
    times(2100, (i) => far.opens({ dst: PEER + (i % 20) }, {}, i % 300)),
    { forward: 2000, reflect: 100 },
    'the whole farm has a limit',
  );
  const loud = farm('honeywall');
  const outputs = times(2100, () => loud.opens({}, ANSWER));
  t.same(outputs, { reflect: 2100 }, 'answers among clones');
  const worm = farm('honeywall');
  t.same(
    times(2100, () => worm.opens()),
    { forward: 20, reflect: 2000, drop: 80 },
    'clone to clone is metered',
  );
});

t.test('honeywall.policy: names are asked at listed servers alone', async (t) => {
  const { opens } = farm('honeywall');
  const dns = 0xc0000235;
  t.same(
    times(400, () => opens({ proto: 17, dport: 53, dst: dns })),
    { forward: 300, drop: 100 },
  );
  t.equal(opens({ proto: 6, dport: 53, dst: dns }), 'reflect');
  t.equal(opens({ proto: 17, dport: 53 }), 'reflect');
});

t.test('shared.policy: what strangers share is cut short', async (t) => {
  for (const name of ['reflect', 'honeywall']) {
    closed(t, name, 'shared');
    const answers = farm(name, 'shared');
    t.same(
      times(3100, (i) => answers.opens({}, REPLY, i % 300)),
      { forward: 3000, nowhere: 100 },
      'packets to one address a minute, whoever sends them',
    );
    const worm = farm(name, 'shared');
    t.same(
      times(200, () => worm.opens()),
      { reflect: 120, drop: 80 },
      'flows of one clone an hour; not one leaves',
    );
  }
  t.equal(farm('shared').opens({}, REPLY), 'drop', 'it says nothing of other universes');
});

t.test('every shipped policy is tested here, and none has a warning', async (t) => {
  const tested = ['closed', 'honeywall', 'reflect', 'shared', 'sinks', 'unroutable'].map((name) => `${name}.policy`);
  t.same(readdirSync(folder).sort(), tested);
  for (const name of tested)
    t.same(new Policy(readFileSync(join(folder, name), 'utf8'), join(folder, name)).warnings, [], name);
});

const docs = readFileSync(join(top, 'docs/policy.md'), 'utf8');

t.test('the policies in the docs have no errors', async (t) => {
  const examples = [...docs.matchAll(/```policy\n(.*?)```/gs)].map(([, text]) => text!);
  t.ok(examples.length >= 4);
  for (const text of examples) t.ok(new Policy(text, join(folder, 'example.policy')).rules.length > 0, text);
});

t.test('the commands in the docs print what the docs say', async (t) => {
  const examples = [...docs.matchAll(/^ {4}\$ bin\/potemkin (.*)\n((?: {4}.*\n)*)/gm)];
  t.ok(examples.length >= 2);
  for (const [, command, output] of examples) {
    const words = [...command!.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
    const printed = execFileSync('bin/potemkin', words, { cwd: top, encoding: 'utf8' });
    t.equal(printed.trimEnd(), output!.replace(/^ {4}/gm, '').trimEnd(), command!);
  }
});
