import t from 'tap';
import { runDaemon } from './daemon.js';
import { greGraph } from './gre-graph.js';
import { boot, noGuests } from './guest/boot.js';
import { ip } from './netns.js';

const skip = noGuests();
if (skip) console.error(`SKIPPED: GRE of a Linux kernel: ${skip}`);

const ROUTER = '192.0.2.1';

/** A tunnel: our address, what GreTunnel is told, and what the same is to the kernel's `ip tunnel`. */
const TUNNELS: Readonly<Record<string, { local: string; options?: string; kernel: string }>> = {
  plain: { local: '192.0.2.11', kernel: '' },
  key: { local: '192.0.2.12', options: 'KEY 3735928559', kernel: 'key 3735928559' },
  csum: { local: '192.0.2.13', options: 'CHECKSUM true', kernel: 'csum' },
  all: { local: '192.0.2.14', options: 'KEY 7, CHECKSUM true, SEQUENCE true', kernel: 'key 7 csum seq' },
};

t.setTimeout(300_000);

/**
 * The kernel is strict: a tunnel with `csum` or `seq` takes no packet without them, one without takes none with them. It
 * counts them as errors.
 */
t.test('GRE made by a Linux kernel', { skip, timeout: 280_000 }, async (t) => {
  const space = `potemkin-test-g${process.pid}`;
  const tap = 'guest';
  ip('netns', 'add', space);
  t.teardown(() => ip('netns', 'del', space));
  ip('-n', space, 'tuntap', 'add', 'dev', tap, 'mode', 'tap');
  for (const { local } of Object.values(TUNNELS)) ip('-n', space, 'addr', 'add', `${local}/24`, 'dev', tap);
  ip('-n', space, 'link', 'set', tap, 'up');

  const daemon = await runDaemon(t, space, greGraph(t, ROUTER, TUNNELS));
  t.comment('the gateway runs; a guest boots');

  const tunnels = Object.entries(TUNNELS).map(
    ([name, { local, kernel }]) => `${name},${local},${kernel.replaceAll(' ', '+')}`,
  );
  const console = await boot(t, {
    netns: space,
    tap,
    init: 'gre-router',
    modules: ['e1000', 'ip_gre'],
    environment: { ADDRESS: `${ROUTER}/24`, TUNNELS: tunnels.join(' ') },
    seconds: 240,
    onLine: (line) => t.comment(line),
  });
  t.ok(console.includes('@ end'), 'the guest came to its end', { console });

  /** What the guest says of a tunnel. */
  const seen = (name: string) =>
    Object.fromEntries(
      console
        .map((line) => new RegExp(`^@ ${name} (\\w+) (.*)$`).exec(line))
        .filter((match) => match !== null)
        .map(([, key, value]) => [key!, value!]),
    );
  const errors = { rx_errors: '0', rx_crc_errors: '0', rx_fifo_errors: '0', tx_errors: '0', tx_dropped: '0' };
  for (const name of Object.keys(TUNNELS)) {
    t.match(
      seen(name),
      { ping: '3', large: '3', http: '1', echo: '50000 same', ...errors },
      `${name}: all is answered`,
    );
    t.same(await daemon.drops(name), {}, `${name}: nothing is dropped`);
  }
  t.match(await daemon.end(), { status: 0 });
});
