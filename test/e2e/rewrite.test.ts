/** Two kernels talk TCP through a Rewriter, over a network that loses, doubles and overtakes on both sides of it. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import t, { type Test } from 'tap';
import { elements } from '../../src/elements/index.js';
import { Rewrites } from '../../src/farm/policy/rewrites.js';
import { native } from '../../src/native/addon.js';
import type { Batch } from '../../src/packet/batch.js';
import { HeldPackets } from '../../src/packet/held.js';
import { checkGraph } from '../../src/pipeline/check.js';
import { Element } from '../../src/pipeline/element.js';
import { Engine } from '../../src/pipeline/engine.js';
import { Random } from '../../src/pipeline/random.js';
import { Registry } from '../../src/pipeline/registry.js';
import type { Spec } from '../../src/pipeline/spec.js';
import { count, fraction } from '../../src/pipeline/values.js';
import { substitutionOf } from '../property/rewrite-rig.js';
import { ip, noNamespaces } from './netns.js';

t.setTimeout(120_000);

const markSpec = {
  summary: 'says what a flow table and a policy would say',
  inputs: { in: '' },
  outputs: { out: '' },
  config: { rewrite: count(0, '') },
  drops: {},
} as const satisfies Spec;

class Mark extends Element<typeof markSpec> {
  static readonly spec = markSpec;
  override push(batch: Batch): void {
    for (const row of batch.rows.subarray(0, batch.count)) {
      this.packets.universe[row] = 1;
      this.packets.rewrite[row] = this.config.rewrite;
    }
    this.out.out.addAll(batch);
  }
}

const roadSpec = {
  summary: 'loses, doubles and keeps back some packets',
  inputs: { in: '' },
  outputs: { out: '' },
  config: { p: fraction(undefined, '') },
  drops: { lost: '' },
  decoupled: true,
} as const satisfies Spec;

class Road extends Element<typeof roadSpec> {
  static readonly spec = roadSpec;
  private readonly random = new Random(this.services.seed, this.name);
  private readonly now_ = new HeldPackets({ packets: 10_000 });
  private readonly later = new HeldPackets({ packets: 10_000 });
  private turns = 0;

  override push(batch: Batch): void {
    const { p } = this.config;
    for (const row of batch.rows.subarray(0, batch.count)) {
      const fate = this.random.next();
      if (fate < p) {
        this.drops.lost.add(row);
        continue;
      }
      const late = fate < 4 * p;
      (late ? this.later : this.now_).push(this.packets, row);
      if (fate > 1 - p) this.now_.push(this.packets, row);
      this.held++;
    }
  }

  override pull(max: number): boolean {
    const queue = this.now_.count > 0 || ++this.turns % 3 > 0 ? this.now_ : this.later;
    for (let n = 0; n < max && queue.count > 0; n++) {
      const row = queue.pop(this.packets);
      if (row < 0) break;
      this.out.out.add(row);
    }
    return this.now_.count + this.later.count > 0;
  }

  override get waiting(): number {
    return this.now_.count + this.later.count;
  }
}

const registry = new Registry([...elements.names.map((name) => elements.get(name)!), Mark, Road]);

/** client (10.1.0.2) - gateway - server (10.2.0.2). The kernel of the gateway forwards nothing. */
function network(t: Test) {
  const name = (what: string) => `potemkin-test-${what}${process.pid}`;
  const [client, gateway, server] = [name('c'), name('g'), name('s')];
  t.teardown(() => {
    for (const space of [client, gateway, server]) ip('netns', 'del', space);
  });
  for (const space of [client, gateway, server]) ip('netns', 'add', space);
  for (const [space, net] of [
    [client, 1],
    [server, 2],
  ] as const) {
    ip('-n', space, 'link', 'add', 'leg', 'type', 'veth', 'peer', 'name', `leg${net}`, 'netns', gateway);
    ip('-n', space, 'addr', 'add', `10.${net}.0.2/24`, 'dev', 'leg');
    ip('-n', gateway, 'addr', 'add', `10.${net}.0.1/24`, 'dev', `leg${net}`);
    ip('-n', space, 'link', 'set', 'leg', 'up');
    ip('-n', gateway, 'link', 'set', `leg${net}`, 'up');
    ip('-n', space, 'route', 'add', 'default', 'via', `10.${net}.0.1`);
    native.enterNamespace(space);
    native.setOffloads('leg', false);
  }
  native.enterNamespace(gateway);
  for (const leg of ['leg1', 'leg2']) native.setOffloads(leg, false);
  return { client, server };
}

// What may begin a match waits for as long as a busy machine may need to send a lost segment again.
const graph = (column: number, p: number) => `
FromDevice(leg1) -> CheckIPHeader -> IPFilter(allow dst net 10.2.0.0/24) -> Mark(REWRITE ${column}) -> Road(P ${p})
  -> [forward] rewriter :: Rewriter(HOLD 30s);
FromDevice(leg2) -> CheckIPHeader -> IPFilter(allow dst net 10.1.0.0/24) -> Mark(REWRITE 0) -> Road(P ${p}) -> [back] rewriter;
rewriter[forward] -> Road(P ${p}) -> ToDevice(leg2);
rewriter[back] -> Road(P ${p}) -> ToDevice(leg1);
Idle -> [reflect] rewriter[reflect] -> Discard;
Idle -> [redirect] rewriter[redirect] -> Discard;
`;

/** Runs a program of Python; what it prints. It gets some bytes. */
function python(t: Test, space: string, program: string, input: Buffer): Promise<string> {
  const child = spawn('ip', ['netns', 'exec', space, '/usr/bin/python3', '-c', program]);
  t.teardown(() => child.kill('SIGKILL'));
  let [out, err] = ['', ''];
  child.stdout.on('data', (piece) => {
    out += piece;
  });
  child.stderr.on('data', (piece) => {
    err += piece;
  });
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.on('close', (status) => (status === 0 ? resolve(out.trim()) : reject(new Error(err))));
  });
}

/** Both send what they are given, and print the digest of what they get. */
const PEER = `
import hashlib, socket, sys, threading
data, got = sys.stdin.buffer.read(), hashlib.sha256()
def talk(s):
    def send():
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
    sender = threading.Thread(target=send)
    sender.start()
    while True:
        some = s.recv(65536)
        if not some: break
        got.update(some)
    sender.join()
    print(got.hexdigest())
`;
const SERVER = `${PEER}
l = socket.create_server(('10.2.0.2', 80))
talk(l.accept()[0])`;
const CLIENT = `${PEER}
for i in range(50):
    try:
        s = socket.create_connection(('10.2.0.2', 80), 20)
        break
    except ConnectionRefusedError:
        import time; time.sleep(0.1)
s.settimeout(100)
talk(s)`;

/** Text in which matches are everywhere, of so many bytes. */
function text(bytes: number): Buffer {
  const random = new Random(7n, 'text');
  const words = ['cmd.exe', 'cmd.', 'exe', 'cm', ' and ', 'd.exe', 'what else there is', '\r\n', 'cccmd.exe'];
  const parts: string[] = [];
  for (let length = 0; length < bytes; length += parts.at(-1)!.length)
    parts.push(words[Math.floor(random.next() * words.length)]!);
  return Buffer.from(parts.join(''));
}

const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

t.test('what a kernel sends to another arrives with strings replaced', { skip: noNamespaces }, async (t) => {
  const { client, server } = network(t);
  const data = text(1 << 19);
  const answer = text(1 << 17);
  for (const [to, p] of [
    ['xxx.exe', 0.01],
    ['[taken out]', 0.01],
    ['', 0],
  ] as const) {
    const substitution = substitutionOf([['cmd.exe', to]]);
    const { graph: checked, diagnostics } = checkGraph({ file: 'test.click', text: graph(1, p) }, registry);
    if (!checked) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
    const engine = new Engine(checked, registry, { seed: 1n });
    engine.services.shared(Rewrites).column(substitution);
    await engine.start();
    const running = engine.run();
    const served = python(t, server, SERVER, answer);
    const asked = python(t, client, CLIENT, data);
    t.equal(await served, digest(substitution.apply(data)), `cmd.exe becomes '${to}'`);
    t.equal(await asked, digest(answer), 'and what comes back is what was sent');
    const lost = engine.elements
      .filter(({ className }) => className === 'Road')
      .map(({ drops }) => drops['lost']!.value);
    t.comment(`lost: ${lost}, replaced: ${substitution.count(data)}`);
    if (p > 0)
      t.ok(
        lost.every((each) => each > 0),
        'packets were lost on all ways',
      );
    engine.halt();
    await running;
    await engine.stop();
  }
});
