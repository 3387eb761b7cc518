import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ExportControl } from '../../../src/control/export-control.js';
import { exportOrders } from '../../../src/control/export-routes.js';
import { HttpServer } from '../../../src/control/http.js';
import { parseStopRecord, StopFile } from '../../../src/control/stop-file.js';

async function serve(t: Test) {
  const path = join(t.testdir({}), 'export-stopped.json');
  const exports = new ExportControl(new StopFile(path), () => {});
  const server = new HttpServer({ '/x': () => ({ type: 'text/plain', body: '' }) }, exportOrders(exports));
  const { host, port } = await server.listen({ host: '127.0.0.1', port: 0 });
  t.teardown(() => server.close());
  return {
    exports,
    key: () => parseStopRecord(readFileSync(path, 'utf8')).key,
    async ask(path: string, key?: string, method = 'POST') {
      const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
      const reply = await fetch(`http://${host}:${port}${path}`, { method, headers });
      return { status: reply.status, body: await reply.text(), allow: reply.headers.get('allow') };
    },
  };
}

t.test('anybody may stop, and a reader of the file may lift', async (t) => {
  const { exports, key, ask } = await serve(t);
  t.match(await ask('/allow-export?reason=x'), { status: 200, body: 'export was not stopped\n' });
  t.match(await ask('/stop-export?by=alice&reason=a+worm'), {
    status: 200,
    body: /^export is stopped since .*, by alice \(HTTP from 127\.0\.0\.1\): a worm\n$/,
  });
  t.equal(exports.killSwitch.stopped, true);
  t.match(await ask('/stop-export?by=bob'), { status: 200, body: /a worm/ }, 'it is stopped already');

  t.match(await ask('/allow-export?reason=x'), { status: 403, body: /expected the key in .*export-stopped\.json/ });
  t.match(await ask('/allow-export?reason=x', `${key()}0`), { status: 403 });
  t.match(await ask('/allow-export', key()), { status: 400, body: /expected a reason/ });
  t.match(await ask('/allow-export?reason=%20', key()), { status: 400 });
  t.equal(exports.killSwitch.stopped, true);
  t.match(await ask('/allow-export?reason=over', key()), { status: 200, body: 'export is allowed again\n' });
  t.equal(exports.killSwitch.stopped, false);
});

t.test('nothing is lifted or stopped by looking', async (t) => {
  const { exports, ask } = await serve(t);
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'])
    t.match(await ask('/stop-export', undefined, method), { status: 405, allow: 'POST' }, method);
  t.equal(exports.killSwitch.stopped, false);
  t.match(await ask('/x'), { status: 405, allow: 'GET, HEAD' });
  t.match(await ask('/stop-export/'), { status: 405 });
  t.equal(exports.killSwitch.stopped, false);
});

t.test('odd queries stop all the same', async (t) => {
  for (const query of ['', '?', '?%', '?reason=%ff%00', '?reason=a?b=c', `?reason=${'y'.repeat(4000)}`]) {
    const { exports, ask } = await serve(t);
    t.match(await ask(`/stop-export${query}`), { status: 200 }, query.slice(0, 40));
    t.equal(exports.killSwitch.stopped, true);
  }
});

t.test('it is lifted from this machine alone', async (t) => {
  const exports = new ExportControl(undefined, () => {});
  const orders = exportOrders(exports);
  const allow = (remote: string) =>
    orders['/allow-export']!({ remote, query: new URLSearchParams('reason=x'), bearer: undefined }).status;
  for (const remote of ['192.0.2.7', '::ffff:192.0.2.7', '2001:db8::1', '127.example', '']) {
    exports.stop('test', '');
    t.equal(allow(remote), 403, remote);
    t.equal(exports.killSwitch.stopped, true);
  }
  for (const remote of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) {
    exports.stop('test', '');
    t.equal(allow(remote), 200, remote);
  }
});

t.test('a stop that will not outlive the daemon is no success', async (t) => {
  const folder = t.testdir({ file: '' });
  const exports = new ExportControl(new StopFile(join(folder, 'file', 'x')), () => {});
  const reply = exportOrders(exports)['/stop-export']!({
    remote: '127.0.0.1',
    query: new URLSearchParams(),
    bearer: undefined,
  });
  t.match(reply, { status: 500, body: /export is stopped .*will not outlive the daemon/ });
});
