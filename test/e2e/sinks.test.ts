/** Sinks, as ordinary programs see them: dig, swaks, curl, nc and ntpdig run as the software of a clone. */
import t from 'tap';
import { noLab, ownLab, until } from './lab-rig.js';
import { TOOL, ToolGateway } from './tool-gateway.js';

t.setTimeout(120_000);

t.test('sinks', { skip: noLab }, async (t) => {
  const lab = ownLab(t);
  await lab.up();
  const gateway = await ToolGateway.start(t, lab, 'sinks.policy');

  await t.test('dig gets answers for every name', async (t) => {
    const { status, out } = await gateway.tool('dig', 'www.example.com');
    t.equal(status, 0, out);
    t.match(out, /status: NOERROR/);
    t.match(out, /^www\.example\.com\.\s+300\s+IN\s+A\s+198\.1[89]\./m);
    const short = async (...args: string[]) => (await gateway.tool('dig', '+short', ...args)).out.trim();
    const address = await short('WWW.Example.COM');
    t.match(address, /^198\.1[89]\.\d+\.\d+$/);
    t.equal(await short('www.example.com'), address, 'the same name has the same address');
    t.not(await short('other.example.com'), address);
    t.equal(await short('+tcp', 'www.example.com'), address, 'over TCP');
    t.equal(await short('+noedns', 'www.example.com'), address, 'without EDNS');
    t.equal(await short('@203.0.113.99', 'www.example.com'), address, 'whoever is asked');
    t.equal(await short('MX', 'example.com'), '10 mx.example.com.');
    t.equal(await short('AAAA', 'www.example.com'), '', 'there is no IPv6');
    t.match(gateway.events.filter(({ kind }) => kind === 'sink')[0], { what: `A www.example.com: ${address}` });
  });

  await t.test('curl fetches pages and sends forms', async (t) => {
    const page = await gateway.tool('curl', '-s', '-i', '--max-time', '10', 'http://download.example.net/a.exe');
    t.equal(page.status, 0, page.err);
    t.match(page.out, /^HTTP\/1\.1 200 OK\r\n/);
    t.match(page.out, 'It works!');
    const form = await gateway.tool(
      'curl',
      '-s',
      '--max-time',
      '10',
      '-d',
      'user=a&password=b',
      'http://192.0.2.80:8080/login',
    );
    t.equal(form.status, 0, form.err);
    const head = await gateway.tool(
      'curl',
      '-s',
      '-I',
      '--max-time',
      '10',
      'http://192.0.2.80/one',
      'http://192.0.2.80/two',
    );
    t.equal(head.out.match(/200 OK/g)?.length, 2, 'two requests on one connection');
    const large = await gateway.tool(
      'curl',
      '-s',
      '--max-time',
      '20',
      '-T',
      '/usr/bin/env',
      '-H',
      'Transfer-Encoding: chunked',
      'http://192.0.2.80/up',
    );
    t.equal(large.status, 0, large.err);
    const requests = await until('the requests', () => {
      const found = gateway.kept().filter(({ record }) => record.kind === 'request');
      return found.length === 5 && found;
    });
    t.match(requests[0]!.record, { method: 'GET', path: '/a.exe', source: TOOL, port: 80, complete: true });
    t.match(requests[1], { record: { method: 'POST', port: 8080, target: '192.0.2.80' }, body: 'user=a&password=b' });
    t.match(requests[4]!.record, { method: 'PUT', complete: true, truncated: false });
    t.equal(requests[4]!.body.slice(1, 4), 'ELF', 'a file in chunks');
    t.equal(requests[4]!.body.length, requests[4]!.record.bytes);
  });

  await t.test('swaks sends mail', async (t) => {
    const mail = ['--to', 'a@victim.example,b@victim.example', '--from', 'bot@evil.example', '--timeout', '10s'];
    const auth = ['--auth', 'LOGIN', '--auth-user', 'bot', '--auth-password', 'secret'];
    const body = ['--header', 'Subject: cheap pills', '--body', 'first\n.dot\nlast'];
    const { status, out } = await gateway.tool(
      'swaks',
      '--server',
      '192.0.2.25',
      ...mail,
      ...auth,
      ...body,
      '--pipeline',
    );
    t.equal(status, 0, out);
    t.match(out, /235 2\.7\.0/);
    t.match(out, /250 2\.0\.0 OK: queued as/);
    const kept = await until('the mail', () => gateway.kept().find(({ record }) => record.kind === 'mail'));
    t.match(kept.record, {
      from: 'bot@evil.example',
      to: ['a@victim.example', 'b@victim.example'],
      user: 'bot',
      password: 'secret',
      source: TOOL,
      target: '192.0.2.25',
      complete: true,
    });
    t.match(kept.body, 'Subject: cheap pills\r\n');
    t.match(kept.body, /\r\nfirst\r\n\.dot\r\nlast\r\n/);
  });

  await t.test('nc is greeted', async (t) => {
    const { out } = await gateway.tool('sh', '-c', "printf 'QUIT\\r\\n' | nc -w 5 192.0.2.26 25");
    t.match(out, /^220 mail ESMTP Postfix\r\n221 /);
  });

  await t.test('ntpdig is told the time', async (t) => {
    const { status, out, err } = await gateway.tool('ntpdig', '-j', '-t', '5', '192.0.2.123');
    t.equal(status, 0, err);
    t.ok(Math.abs((JSON.parse(out) as { offset: number }).offset) < 1, out);
  });

  await t.test('nothing of it has left, and another clone answers what is not for a sink', async (t) => {
    const { out } = await gateway.tool('sh', '-c', 'echo hello | nc -w 3 198.18.7.7 7');
    t.equal(out, 'hello\n');
    const left = gateway.verdicts().filter(({ verdict }) => verdict === 'forward');
    t.same(left, []);
    t.match(await lab.counters(), { astray: 0, lost: 0 });
    t.match(await gateway.read('sinks.names'), /^\d+\twww\.example\.com\t198/m);
  });
});
