import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { elements } from '../../src/elements/index.js';
import { plainly } from './lab-rig.js';

interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** Starts bin/potemkin; `line` waits for a line on standard error. */
function start(...args: string[]) {
  const child: ChildProcess = spawn(...plainly(...args), { stdio: ['ignore', 'pipe', 'pipe'] });
  const text = { out: '', err: '' };
  child.stdout!.setEncoding('utf8').on('data', (piece: string) => {
    text.out += piece;
  });
  child.stderr!.setEncoding('utf8').on('data', (piece: string) => {
    text.err += piece;
  });
  const ended = new Promise<Ended>((resolve) => child.on('close', (status) => resolve({ status, ...text })));
  return {
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    ended,
    pid: child.pid,
    async line(pattern: RegExp): Promise<RegExpExecArray> {
      for (;;) {
        const match = pattern.exec(text.err);
        if (match) return match;
        const over = await Promise.race([ended, new Promise((next) => setTimeout(next, 20))]);
        if (over && !pattern.test(text.err)) throw new Error(`ended without ${pattern}: ${text.err}`);
      }
    },
  };
}

const potemkinEnds = (...args: string[]) => start(...args).ended;

t.test('command line', async (t) => {
  const folder = t.testdir({
    'good.click': 'define($N 5);\nsource :: InfiniteSource(LIMIT $N, STOP true) -> c :: Counter -> d :: Discard;\n',
    'bad.click': 'source :: InfiniteSource(LIMIT many)\n  -> Cuonter -> Discard;\n',
    'compound.click':
      'elementclass Count { input -> Counter -> output }\nInfiniteSource(LIMIT 1, STOP true) -> x :: Count -> Discard;\n',
    'endless.click': 'InfiniteSource(LIMIT 1000) -> c :: Counter -> Discard;\n',
  });
  const file = (name: string) => join(folder, name);

  t.test('policy', async (t) => {
    const policies = t.testdir({
      'good.policy': 'reply -> forward\nall -> reflect\ntcp -> drop\n',
      'bad.policy': 'reply -> forwrd\ntpc -> drop\n',
    });
    const policy = (name: string) => join(policies, name);
    const good = await potemkinEnds('policy', 'check', policy('good.policy'));
    t.match(good, { status: 0, out: /3 rules, 0 named sets, nothing wrong/, err: /good\.policy:3:1: never reached/ });
    const bad = await potemkinEnds('policy', 'check', policy('bad.policy'));
    t.match(bad, {
      status: 1,
      out: '',
      err: /bad\.policy:1:10: .*'forward'\?\)\n.*bad\.policy:2:1: unknown word 'tpc'/,
    });
    t.match(await potemkinEnds('policy', 'check', policy('none')), {
      status: 1,
      err: /expected a file that can be read/,
    });

    const explain = (...args: string[]) => potemkinEnds('policy', 'explain', policy('good.policy'), ...args);
    const packet = 'tcp 10.99.1.2:4444 > 198.51.100.7:80';
    t.match(await explain('--packet', packet, '--reply'), {
      status: 0,
      out: /good\.policy:1 +reply +yes: forward\n\nforward\n/,
    });
    t.match(await explain('--packet', packet), { status: 0, out: /no, 'reply' does not hold\n.*yes: reflect/ });
    t.match(await explain('--packet', 'tcp'), { status: 1, err: /--packet: expected a packet such as/ });
    t.match(await explain('--packet', packet, '--reply', '--answer'), { status: 1, err: /one of them/ });
    t.match(await explain('--packet', packet, '--depth', 'x'), { status: 1, err: /whole number/ });

    const capture = 'test/data/linktypes/pcapplusplus__raw_ip.pcap';
    const replay = (...args: string[]) => potemkinEnds('policy', 'replay', policy('good.policy'), '--pcap', ...args);
    t.match(await replay(capture, '--inside', '10.0.0.0/8'), { status: 0, out: /packets, \d+ bytes would have left/ });
    t.match(await replay('none.pcap'), { status: 1, err: /none\.pcap/ });
    t.match(await replay(capture, '--inside', '10.0.0.1/8'), { status: 1, err: /prefix such as/ });
  });

  t.test('check', async (t) => {
    const good = await potemkinEnds('check', file('good.click'));
    t.match(good, { status: 0, err: '' });
    t.match(good.out, /3 elements, 2 connections, nothing wrong/);
    const bad = await potemkinEnds('check', file('bad.click'));
    t.match(bad, { status: 1, out: '' });
    t.match(bad.err, `${file('bad.click')}:2:6: `);
    t.match(bad.err, "did you mean 'Counter'?");
    const defined = await potemkinEnds('check', file('good.click'), '-D', 'N=lots');
    t.equal(defined.status, 1);
    t.match(defined.err, /good\.click:2:\d+: InfiniteSource: LIMIT: expected .*, not 'lots'/);
    t.match(await potemkinEnds('check', file('none.click')), { status: 1, err: /none\.click: there is no such file/ });
    t.match(await potemkinEnds('check', file('good.click'), '-D', 'N'), { status: 1, err: /NAME=VALUE/ });
  });

  t.test('flatten', async (t) => {
    const { status, out } = await potemkinEnds('flatten', file('compound.click'));
    t.equal(status, 0);
    t.match(out, /x\/Counter@\d+ :: Counter;/);
    writeFileSync(file('flat.click'), out);
    t.equal((await potemkinEnds('flatten', file('flat.click'))).out, out, 'what is flat stays so');
  });

  t.test('graph', async (t) => {
    t.match(await potemkinEnds('graph', file('compound.click'), '-o', file('x.svg')), { status: 0, err: '' });
    t.match(readFileSync(file('x.svg'), 'utf8'), /<svg[\s\S]*Counter[\s\S]*<\/svg>/);
    t.match((await potemkinEnds('graph', file('compound.click'), '-o', '-')).out, /^digraph/);
    t.match(await potemkinEnds('graph', file('compound.click'), '-o', 'x.png'), {
      status: 1,
      err: /in \.svg or \.dot, not 'x\.png'/,
    });
  });

  t.test('explain', async (t) => {
    const page = await potemkinEnds('explain', 'counter');
    t.equal(page.out, readFileSync(new URL('../../../docs/reference/Counter.md', import.meta.url), 'utf8'));
    t.match((await potemkinEnds('explain')).out, /^Counter +counts packets/m);
    t.match(await potemkinEnds('explain', 'Cuonter'), { status: 1, err: /did you mean 'Counter'\?/ });
  });

  t.test('help and wrong words', async (t) => {
    t.match(await potemkinEnds('--help'), { status: 0, out: /Commands:/ });
    t.match(await potemkinEnds('run', '--help'), { status: 0, out: /Examples:/ });
    t.match(await potemkinEnds('chekc', 'x'), { status: 1, err: /Did you mean check/ });
    t.match(await potemkinEnds('--version'), { status: 0, out: /^\d+\.\d+\.\d+$/m });
  });

  t.test('run: to the end of finite sources', async (t) => {
    t.match(await potemkinEnds('run', file('good.click'), '--listen', 'off'), {
      status: 0,
      out: '',
      err: /good\.click runs\n$/,
    });
    const bad = await potemkinEnds('run', file('bad.click'), '--listen', 'off');
    t.equal(bad.status, 1);
    t.notMatch(bad.err, / runs/, 'nothing was started');
    t.match(await potemkinEnds('run', file('good.click'), '--workers', '2'), {
      status: 1,
      err: /good\.click:\d+:\d+: .* cannot be spread over 2 workers: it is made for one worker/,
    });
    t.match(await potemkinEnds('run', file('good.click'), '--listen', '9477'), {
      status: 1,
      err: /--listen: expected/,
    });
  });

  const captures = elements.get('FromDump') !== undefined;
  if (!captures) console.error('SKIPPED: there is no FromDump; files that are missing or damaged were not tried');
  t.test('run: a capture that is missing', { skip: !captures }, async (t) => {
    writeFileSync(file('missing.click'), `d :: FromDump(${file('none.pcap')}) -> Discard;\n`);
    const { status, err } = await potemkinEnds('run', file('missing.click'), '--listen', 'off');
    t.equal(status, 1);
    t.match(err, /missing\.click:1:1: d: .*none\.pcap/);
    t.notMatch(err, / runs/);
  });

  t.test('run: a capture that is cut off', { skip: !captures }, async (t) => {
    // Header of a file of raw IP packets, a record of an empty IPv4 packet, and half a record.
    const header = Buffer.from('d4c3b2a1020004000000000000000000ffff000065000000', 'hex');
    const record = Buffer.from('00000000000000001400000014000000', 'hex');
    const packet = Buffer.from('4500001400000000403bb0a0c0000201c0000202', 'hex');
    writeFileSync(file('cut.pcap'), Buffer.concat([header, record, packet, record, packet.subarray(0, 7)]));
    writeFileSync(file('cut.click'), `d :: FromDump(${file('cut.pcap')}) -> Print(seen) -> Discard;\n`);
    const { status, err } = await potemkinEnds('run', file('cut.click'), '--listen', 'off');
    t.equal(status, 1);
    t.equal(err.match(/^seen/gm)?.length, 1, 'what came before the damage was processed');
    t.match(err, /^error: d: .*cut\.pcap|cut\.click:1:1: d: .*cut\.pcap/m);
  });

  t.test('run: metrics and health while it runs, and the end by a signal', async (t) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const run = start('run', file('endless.click'), '--listen', '127.0.0.1:0');
      const [, url] = await run.line(/metrics at (http:\S+)\/metrics/);
      let metrics = '';
      while (!/link_packets_total\{from="c\[out\]".* 1000$/m.test(metrics))
        metrics = await (await fetch(`${url}/metrics`)).text();
      t.match(metrics, /^process_cpu_seconds_total /m);
      const health = await fetch(`${url}/healthz`);
      t.match([health.status, await health.json()], [200, { status: 'ok', workers: [{ alive: true }] }]);
      run.kill(signal);
      t.match(await run.ended, { status: 0, err: new RegExp(`${signal}: ending`) });
    }
  });

  t.test('stop-export and allow-export', async (t) => {
    const run = start('run', file('endless.click'), '--listen', '127.0.0.1:0', '--stall', '60');
    const [, url] = await run.line(/metrics at (http:\S+)\/metrics/);
    const at = ['--at', url!];
    t.match(await potemkinEnds('allow-export', ...at), { status: 1, err: /missing required argument 'reason'/ });
    t.match(await potemkinEnds('allow-export', ...at, 'why', 'not'), { status: 0, out: 'export was not stopped\n' });
    const stop = await potemkinEnds('stop-export', ...at, 'a', 'worm');
    t.match(stop, { status: 0, out: /^export is stopped since \S+Z, by \S+ \(HTTP from 127\.0\.0\.1\): a worm\n$/ });
    await run.line(/EXPORT IS STOPPED, by .*: a worm/);
    t.match(await potemkinEnds('allow-export', ...at, 'no', 'worm'), { status: 0, out: 'export is allowed again\n' });
    await run.line(/export is allowed again, by .*: no worm/);
    run.kill('SIGTERM');
    t.match(await run.ended, { status: 0 });
    t.match(await potemkinEnds('stop-export', ...at), { status: 1, err: /does the daemon run/ });
    t.match(await potemkinEnds('run', file('endless.click'), '--stall', '2'), { status: 1, err: /from 3/ });
  });

  t.test('run: a port in use', async (t) => {
    const server = createServer();
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    const { port } = server.address() as { port: number };
    const { status, err } = await potemkinEnds('run', file('endless.click'), '--listen', `127.0.0.1:${port}`);
    server.close();
    t.equal(status, 1);
    t.match(err, new RegExp(`cannot listen on 127.0.0.1:${port}: something else listens there`));
    t.notMatch(err, / runs/);
  });

  t.test('run: events as JSON', async (t) => {
    const { err } = await potemkinEnds('run', file('good.click'), '--listen', 'off', '--events', 'json');
    const lines = err
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    t.match(lines, [{ time: /Z$/, kind: 'status', message: /good\.click runs$/ }]);
  });

  t.test('run: a second signal ends it at once', async (t) => {
    writeFileSync(file('slow.click'), 'InfiniteSource(LIMIT 100) -> Shaper(1) -> Discard;\n');
    const run = start('run', file('slow.click'), '--listen', 'off');
    await run.line(/ runs/);
    run.kill('SIGTERM');
    await run.line(/SIGTERM: ending/);
    run.kill('SIGTERM');
    t.match(await run.ended, { status: 143 });
  });

  t.test('run: a graph from standard input', async (t) => {
    const child = spawn(...plainly('check', '-'), { stdio: ['pipe', 'ignore', 'pipe'] });
    let err = '';
    child.stderr.setEncoding('utf8').on('data', (piece: string) => {
      err += piece;
    });
    child.stdin.end('Idle -> Dscard;');
    const status = await new Promise((resolve) => child.on('close', resolve));
    t.match([status, err], [1, /^-:1:9: /]);
  });

  const root = process.getuid?.() === 0;
  if (!root) console.error('SKIPPED: network namespaces can only be made by root');
  t.test('run: in a network namespace', { skip: !root && 'needs root' }, async (t) => {
    const name = `potemkin-test-${process.pid}`;
    execFileSync('ip', ['netns', 'add', name]);
    t.teardown(() => execFileSync('ip', ['netns', 'del', name]));
    const run = start('run', file('endless.click'), '--listen', '127.0.0.1:0', '--netns', name);
    const [, url] = await run.line(/metrics at (http:\S+)\/metrics/);
    const own = statSync(`/run/netns/${name}`).ino;
    const spaces = readdirSync(`/proc/${run.pid}/task`).map(
      (task) => statSync(`/proc/${run.pid}/task/${task}/ns/net`).ino,
    );
    t.equal(spaces.filter((space) => space === own).length, 1, 'one thread is inside');
    t.equal((await fetch(`${url}/healthz`)).status, 200, 'the control plane stays outside');
    run.kill('SIGTERM');
    t.match(await run.ended, { status: 0 });
  });
});
