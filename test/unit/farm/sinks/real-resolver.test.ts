import t, { type Test } from 'tap';
import {
  AllowedNames,
  type RealRefusal,
  RealResolver,
  type RealResolverOptions,
  type RealResult,
} from '../../../../src/farm/sinks/real-resolver.js';
import { loopbackDns } from './loopback-dns.js';

const ALLOWED = new AllowedNames('*.good.test\ngood.test\n# no more\n', 'x.allow');

async function bench(t: Test, addresses: string[], options: Partial<RealResolverOptions> = {}) {
  const { asked, port } = await loopbackDns(t, addresses);
  const refusals: RealRefusal[] = [];
  const clock = { now: 1000 };
  const killSwitch = { stopped: false };
  const resolver = new RealResolver({
    allowed: ALLOWED,
    upstream: 0x7f000001,
    port,
    telescope: { address: 0xcb007100, length: 24 },
    perClone: 100,
    perFarm: 1000,
    clock,
    killSwitch,
    onRefusal: (reason) => refusals.push(reason),
    ...options,
  });
  t.teardown(() => resolver.stop());
  await resolver.start();
  const resolve = (name: string, clone = 1) => new Promise<RealResult>((done) => resolver.resolve(clone, name, done));
  return { asked, refusals, clock, killSwitch, resolver, resolve };
}

t.test('a name that is allowed is asked for, and its times are bounded', async (t) => {
  const { resolver, resolve, asked, refusals } = await bench(t, ['192.0.2.1', '192.0.2.2']);
  t.ok(resolver.allows('good.test'));
  t.ok(resolver.allows('www.good.test'));
  t.notOk(resolver.allows('bad.test'));
  t.same(await resolve('www.good.test'), [
    { address: 0xc0000201, ttl: 300 },
    { address: 0xc0000202, ttl: 300 },
  ]);
  t.same(asked, ['www.good.test']);
  t.same(refusals, []);
  t.equal(await (await bench(t, [])).resolve('none.good.test'), 'nxdomain');
});

t.test('no answer leads inside', async (t) => {
  const inside = [
    '127.0.0.1',
    '10.1.2.3',
    '192.168.1.1',
    '172.31.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '203.0.113.7',
  ];
  for (const address of inside) {
    const { resolve, refusals } = await bench(t, [address]);
    t.equal(await resolve('www.good.test'), 'nxdomain', address);
    t.same(refusals, ['rebinding']);
  }
  const { resolve } = await bench(t, ['10.0.0.1', '192.0.2.1']);
  t.same(await resolve('www.good.test'), [{ address: 0xc0000201, ttl: 300 }]);
});

t.test('names that could carry something out are not asked for', async (t) => {
  const { resolve, asked, refusals } = await bench(t, ['192.0.2.1']);
  for (const name of [
    `${'a'.repeat(31)}.good.test`,
    'a.b.c.d.e.good.test',
    `${'abcdefghi.'.repeat(8)}good.test`,
    'a\\000.good.test',
  ])
    t.equal(await resolve(name), 'nxdomain', name);
  t.same(asked, []);
  for (let i = 0; i < 32; i++) t.ok(Array.isArray(await resolve(`n${i}.good.test`)));
  t.equal(await resolve('n32.good.test'), 'nxdomain', 'the 33rd name of a domain');
  t.ok(Array.isArray(await resolve('n31.good.test')), 'one that was asked for before');
  t.ok(Array.isArray(await resolve('n32.good.test', 2)), 'another clone has its own');
  t.same(refusals, Array(5).fill('tunnel'));
});

t.test('questions are bounded for each clone and for all', async (t) => {
  const { resolve, refusals, clock } = await bench(t, ['192.0.2.1'], { perClone: 2, perFarm: 3 });
  const ask = async (clone: number) => typeof (await resolve('good.test', clone)) !== 'string';
  t.same([await ask(1), await ask(1), await ask(1), await ask(2), await ask(2)], [true, true, false, true, false]);
  t.same(refusals, ['rate', 'rate']);
  clock.now += 60;
  t.ok(await ask(1));
});

t.test('while export is stopped nothing is asked', async (t) => {
  const { resolve, refusals, asked, killSwitch } = await bench(t, ['192.0.2.1']);
  killSwitch.stopped = true;
  t.equal(await resolve('good.test'), 'servfail');
  t.same([asked, refusals], [[], ['stopped']]);
  killSwitch.stopped = false;
  t.ok(Array.isArray(await resolve('good.test')));
});

t.test('no way to the server is said at the start', async (t) => {
  const options = { allowed: ALLOWED, port: 53, telescope: undefined, perClone: 1, perFarm: 1, clock: { now: 0 } };
  const killSwitch = { stopped: false };
  const resolver = new RealResolver({ ...options, killSwitch, upstream: 0xffffffff, onRefusal() {} });
  await t.rejects(resolver.start(), { message: /^RESOLVE: no way leads to UPSTREAM 255\.255\.255\.255/ });
});

t.test('what is wrong in the list is said with its place', async (t) => {
  t.throws(() => new AllowedNames('*\na..b\nc d\n', 'x.allow'), {
    message: [
      "x.allow:1:1: expected a name such as example.com or *.example.com, not '*'",
      "x.allow:2:1: expected a name such as example.com or *.example.com, not 'a..b'",
      'x.allow:3:3: expected one name a line',
    ].join('\n'),
  });
});
