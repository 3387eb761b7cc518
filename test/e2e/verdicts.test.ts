/** Each verdict of the policy language, as ordinary programs in a clone see it, and as the Internet sees them. */
import { join } from 'node:path';
import t from 'tap';
import { noLab, ownLab, until } from './lab-rig.js';
import { TOOL, ToolGateway } from './tool-gateway.js';

t.setTimeout(120_000);

/** One web server outside has all these addresses: what does not reach it did not leave. */
const SITE = {
  forward: '198.51.100.10',
  limit: '198.51.100.11',
  redirect: '198.51.100.12',
  reflect: '198.51.100.13',
  drop: '198.51.100.14',
  reset: '198.51.100.15',
  sink: '198.51.100.16',
  named: '198.51.100.17',
} as const;

const POLICY = `
ceiling {
  reply
  tcp and dst net 198.51.100.0/24 and dst port 80
  icmp and dst host ${SITE.forward}
}
reply -> forward
name "secret.example.com"             -> reset
dst host ${SITE.forward} and (icmp or tcp dst port 80)
  -> forward limit flows 100/hour per clone then drop
tcp and dst host ${SITE.limit} and dst port 80
  -> limit tcp 2/hour per clone then reset
tcp and dst host ${SITE.redirect}     -> redirect windows-xp
tcp and dst host ${SITE.sink}         -> redirect http
dst host ${SITE.drop}                 -> drop
dst host ${SITE.reset}                -> reset
udp and dst port 53                   -> redirect dns
all                                   -> reflect
`;

const ZONE = `secret.example.com A ${SITE.named}\n`;

t.test('verdicts', { skip: noLab }, async (t) => {
  const lab = ownLab(t);
  await lab.up();
  const zone = join(t.testdir({ 'test.zone': ZONE }), 'test.zone');
  const gateway = await ToolGateway.start(t, lab, POLICY, { ZONE: zone });
  const said = gateway.serve(t, 'python3', '-u', '-m', 'http.server', '80');
  await until('the web server outside', () => said().includes('Serving HTTP'));
  const requests = () =>
    said()
      .split('\n')
      .filter((line) => line.includes('"GET'));
  const curl = (address: string, path = '/', seconds = 10) => {
    const patience = ['--connect-timeout', String(seconds), '--max-time', '15'];
    return gateway.tool('curl', '-s', '-i', ...patience, `http://${address}${path}`);
  };
  /** What curl ends with where nobody listens, and where nobody answers. */
  const [REFUSED, SILENT] = [7, 28];

  await t.test('forward: it leaves, and the answer comes back', async (t) => {
    const { status, out } = await curl(SITE.forward, '/forwarded');
    t.equal(status, 0);
    t.match(out, /^HTTP\/1\.0 404 .*\r\nServer: SimpleHTTP/s);
    t.match(requests(), [new RegExp(`^${TOOL} .*GET /forwarded`)]);
    const ping = await gateway.tool('ping', '-n', '-c', '1', '-W', '5', SITE.forward);
    t.equal(ping.status, 0);
  });

  await t.test('limit: two connections leave, the third is refused, and the event says so', async (t) => {
    for (const path of ['/first', '/second']) t.match((await curl(SITE.limit, path)).out, 'SimpleHTTP');
    t.equal((await curl(SITE.limit, '/third')).status, REFUSED);
    t.match(requests().slice(1), [/GET \/first/, /GET \/second/]);
    t.equal(requests().length, 3);
    t.match(gateway.verdicts().at(-1), { verdict: 'reset', quota: 'tcp 2/hour per clone: 2 of 2 used' });
  });

  await t.test('redirect: a clone of another image answers for the server', async (t) => {
    t.match((await curl(SITE.redirect)).out, 'Server: Microsoft-IIS/5.1');
  });

  await t.test('redirect: a sink answers for the server', async (t) => {
    t.match((await curl(SITE.sink)).out, 'It works!');
  });

  await t.test('reflect: a clone answers for the server', async (t) => {
    t.match((await curl(SITE.reflect)).out, 'Apache2 Debian Default Page');
    t.equal((await gateway.tool('ping', '-n', '-c', '1', '-W', '5', SITE.reflect)).status, 0);
  });

  await t.test('drop: nobody answers', async (t) => {
    t.equal((await curl(SITE.drop, '/dropped', 2)).status, SILENT);
    const { out } = await gateway.tool('dig', '+tries=1', '+time=1', `@${SITE.drop}`, 'www.example.com');
    t.match(out, 'no servers could be reached');
  });

  await t.test('reset: the connection is refused, and so is a question', async (t) => {
    t.equal((await curl(SITE.reset)).status, REFUSED);
    const { out } = await gateway.tool('dig', '+tries=1', '+time=5', `@${SITE.reset}`, 'www.example.com');
    t.match(out, 'host unreachable');
  });

  await t.test('a rule knows a server by the name that was looked up', async (t) => {
    t.match((await curl(SITE.named)).out, 'Apache2 Debian Default Page', 'by its address it is any server');
    t.equal((await curl('secret.example.com')).status, REFUSED);
    t.match(gateway.verdicts().at(-1), { verdict: 'reset', rule: /:8$/ });
  });

  await t.test('what did not leave has reached nobody', async (t) => {
    t.equal(requests().length, 3);
    t.match(await lab.counters(), { astray: 0, lost: 0 });
  });
});
