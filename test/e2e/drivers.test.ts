import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import t, { type Test } from 'tap';
import { native } from '../../src/native/addon.js';
import { BATCH } from '../../src/packet/columns.js';
import { Driver, type DriverOptions, type DriverState, METHODS, type Method } from '../../src/packet/drivers/driver.js';
import { Packets } from '../../src/packet/packets.js';
import { ip, noNamespaces, Pair } from './netns.js';
import { add, packet, RIGHT } from './packets.js';

const skip = noNamespaces;
const ALL = Object.keys(METHODS) as Method[];
const GRE = 47;

/** The identification that tells probes from packets. */
const PROBE = 0xffff;

/** Retry so late that a driver never looks at the interface: this thread may be in another namespace by then. */
const NEVER = 600_000;

function rig(t: Test) {
  const pair = new Pair();
  const drivers: Driver[] = [];
  t.teardown(() => {
    for (const driver of drivers) driver.close();
    pair.remove();
  });
  return {
    pair,
    open(space: string, options: Partial<DriverOptions>): Driver {
      native.enterNamespace(space);
      const driver = new Driver({ interface: 'leg', protocol: GRE, retry: NEVER, ...options });
      drivers.push(driver);
      return driver;
    },
  };
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until a condition holds; throws, with what it waited for, after a long time. */
async function until(what: string, condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (condition()) return;
    await sleep(10);
  }
  throw new Error(`waited in vain until ${what}`);
}

const table = new Packets();

/** Sends packets; returns the number accepted. */
function send(driver: Driver, ...packets: Uint8Array[]): number {
  table.reset();
  const rows = Uint16Array.from(packets, (bytes) => add(table, bytes));
  return driver.send(table, rows, rows.length);
}

/** What waits at a driver, without probes. */
function take(driver: Driver): { probes: number; packets: Uint8Array[] } {
  const packets: Uint8Array[] = [];
  let probes = 0;
  for (;;) {
    table.reset();
    const count = driver.receive(table, BATCH);
    if (count !== table.used) throw new Error('the count differs from the rows taken');
    if (count === 0) return { probes, packets };
    for (let row = 0; row < count; row++) {
      const bytes = table.packet(row).slice();
      if (bytes[4]! * 256 + bytes[5]! === PROBE) probes++;
      else packets.push(bytes);
    }
  }
}

/** Sends until packets arrive: a helper process takes a while to start, and so does a link that was down. */
async function settle(from: Driver, to: Driver): Promise<void> {
  await until(`${to.method} receives`, () => {
    send(from, packet({ protocol: GRE, id: PROBE }));
    return take(to).probes > 0;
  });
}

t.test('what one method sends, all methods receive', { skip, timeout: 60_000 }, async (t) => {
  const { pair, open } = rig(t);
  const receivers = ALL.map((method) => open(pair.right, { method, local: RIGHT }));
  const senders: [string, Driver][] = ALL.map((method) => [method, open(pair.left, { method })]);
  const mac = Uint8Array.of(2, 0, 0, 0, 0, 2);
  senders.push(['RING to a neighbour', open(pair.left, { method: 'RING', mac })]);
  for (const [name, sender] of senders) {
    for (const receiver of receivers) await settle(sender, receiver);
    const sent = Array.from({ length: 100 }, (_, i) => packet({ size: 20 + i * 14, protocol: GRE, id: i + 1 }));
    t.equal(send(sender, ...sent), sent.length, `${name} accepts all`);
    for (const receiver of receivers) {
      const received: Uint8Array[] = [];
      await until(`${receiver.method} has all`, () => received.push(...take(receiver).packets) >= sent.length);
      t.same(received, sent, `${receiver.method} receives what ${name} sent`);
      t.equal(receiver.drops(), 0);
    }
  }
});

for (const method of ALL) {
  t.test(`${method}: an interface that comes and goes`, { skip, timeout: 60_000 }, async (t) => {
    const { pair, open } = rig(t);
    const states: DriverState[] = [];
    const from = open(pair.left, { method: 'RING' });
    const to = open(pair.right, { method, retry: 20, onState: (state) => states.push(state) });
    await settle(from, to);
    t.equal(to.failures, 0);

    ip('-n', pair.right, 'link', 'set', 'leg', 'down');
    // Nobody receives meanwhile: the driver has to find out by itself.
    await until('it is down', () => !to.state.up);
    await until('it says why', () => !to.state.up && to.state.code === 'ENETDOWN');
    t.match(to.state, { code: 'ENETDOWN', message: /^leg: .*down/ });
    t.equal(send(to, packet()), 0, 'what is sent meanwhile is refused');
    t.ok(to.failures >= 1);

    ip('-n', pair.right, 'link', 'set', 'leg', 'up');
    await until('it is up', () => to.state.up);
    await settle(from, to);

    ip('netns', 'del', pair.left);
    // The namespace lives on while a socket in it is open.
    from.close();
    await until('it is gone', () => !to.state.up && to.state.code === 'ENODEV');
    t.match(to.state, { code: 'ENODEV', message: /^leg: .*no such interface/ });

    ip('netns', 'add', pair.left);
    pair.connect();
    const again = open(pair.left, { method: 'RING' });
    native.enterNamespace(pair.right);
    await until('it is up again', () => to.state.up);
    await settle(again, to);
    const turns = states.filter((state, i) => i > 0 && state.up === states[i - 1]!.up && state.up);
    t.same(turns, [], 'each change is told once');
  });

  t.test(`${method}: an interface that is missing at first`, { skip, timeout: 60_000 }, async (t) => {
    const { pair, open } = rig(t);
    const from = open(pair.left, { method: 'RING' });
    ip('-n', pair.right, 'link', 'set', 'leg', 'name', 'other');
    const to = open(pair.right, { method, retry: 20 });
    t.match(to.state, { up: false, code: 'ENODEV', message: /^leg/ });
    let called = 0;
    to.onReadable(() => {
      called += take(to).probes;
    });
    ip('-n', pair.right, 'link', 'set', 'other', 'down');
    ip('-n', pair.right, 'link', 'set', 'other', 'name', 'leg', 'up');
    await until('it calls back', () => {
      send(from, packet({ protocol: GRE, id: PROBE }));
      return called > 0;
    });
    t.ok(to.state.up);
  });

  t.test(`${method}: closing leaves nothing open`, { skip, timeout: 60_000 }, async (t) => {
    const { pair, open } = rig(t);
    const from = open(pair.left, { method: 'RING' });
    const count = () => readdirSync('/proc/self/fd').length;
    const before = count();
    for (let i = 0; i < 3; i++) {
      const to = open(pair.right, { method });
      to.onReadable(() => {});
      to.close();
      to.close();
    }
    const last = open(pair.right, { method });
    await settle(from, last);
    last.close();
    await until('all is closed', () => count() === before);
    t.equal(last.receive(table, 1), 0);
    t.equal(send(last, packet()), 0);
  });

  t.test(`${method}: packets that nobody takes are counted`, { skip, timeout: 60_000 }, async (t) => {
    const { pair, open } = rig(t);
    const from = open(pair.left, { method: 'RING' });
    const to = open(pair.right, { method, buffer: 1 << 12 });
    await settle(from, to);
    const before = to.drops();
    const flood = Array<Uint8Array>(BATCH).fill(packet({ size: 1000, protocol: GRE }));
    await until('some are dropped', () => {
      send(from, ...flood);
      return to.drops() > before;
    });
    t.ok(take(to).packets.length > 0);
  });
}

t.test('what a method cannot do is said at once', { skip }, async (t) => {
  const { pair, open } = rig(t);
  for (const method of ['RAW', 'RAWSOCKET'] as const) {
    t.throws(() => open(pair.left, { method, protocol: 0 }), /one protocol/);
    t.throws(() => open(pair.left, { method, mac: new Uint8Array(6) }), /MAC/);
  }
});

t.test('a process without the right to is told so', { skip }, async (t) => {
  const { pair, open } = rig(t);
  open(pair.left, {}).close();
  const driver = new URL('../../src/packet/drivers/driver.js', import.meta.url).href;
  const script = `const { Driver } = await import(${JSON.stringify(driver)});
    for (const method of ['RING', 'RAW']) {
      try { new Driver({ interface: 'lo', method, protocol: 47 }); } catch (error) { console.log(error.code, error.message); }
    }`;
  const out = execFileSync(
    'setpriv',
    ['--bounding-set=-all', '--inh-caps=-all', '--no-new-privs', process.execPath, '--input-type=module', '-e', script],
    { encoding: 'utf8' },
  );
  t.match(out, /^EPERM EPERM: .*ring on lo\nEPERM EPERM: .*raw socket for IP protocol 47 on lo\n$/);
});
