import t from 'tap';
import { HttpServer, parseListen } from '../../../src/control/http.js';

t.test('addresses to listen on', async (t) => {
  t.same(parseListen('127.0.0.1:9477'), { host: '127.0.0.1', port: 9477 });
  t.same(parseListen('[::1]:0'), { host: '::1', port: 0 });
  t.equal(parseListen('off'), undefined);
  for (const wrong of ['9477', 'host', 'host:', ':9477', 'host:65536', '::1:80', '[host]:80']) {
    t.throws(() => parseListen(wrong), { message: /--listen: expected HOST:PORT/ }, wrong);
  }
});

t.test('a small server', async (t) => {
  const server = new HttpServer({
    '/hello': () => ({ type: 'text/plain', body: 'hello' }),
    '/things/': (name) => ({ type: 'text/plain', body: `thing ${name}` }),
    '/things/all': () => ({ type: 'text/plain', body: 'all' }),
    '/broken': () => {
      throw new Error('the secret of the house');
    },
  });
  const { host, port } = await server.listen({ host: '127.0.0.1', port: 0 });
  t.teardown(() => server.close());
  const ask = async (path: string, method = 'GET') => {
    const reply = await fetch(`http://${host}:${port}${path}`, { method });
    return { status: reply.status, body: await reply.text(), headers: reply.headers };
  };
  const { status, body, headers } = await ask('/hello?x=1');
  t.same([status, body, headers.get('x-content-type-options')], [200, 'hello', 'nosniff']);
  t.same((await ask('/hello', 'HEAD')).body, '');
  t.equal((await ask('/hello', 'POST')).status, 405);
  t.equal((await ask('/hello/')).status, 404);
  t.same([(await ask('/things/7')).body, (await ask('/things/all')).body], ['thing 7', 'all']);
  for (const path of ['/things', '/things/7/8', '/hello/7', '/']) t.equal((await ask(path)).status, 404, path);
  t.equal((await ask('/../etc/passwd')).status, 404);
  t.equal((await ask('/__proto__')).status, 404);
  const broken = await ask('/broken');
  t.same([broken.status, broken.body], [500, 'internal error\n'], 'reasons stay inside');

  const second = new HttpServer({});
  await t.rejects(second.listen({ host: '127.0.0.1', port }), {
    message: `cannot listen on 127.0.0.1:${port}: something else listens there; choose another address with --listen, or --listen off`,
  });
});
