import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { ProfileError, parseProfile } from '../../../../src/farm/simulated/profile.js';

const folder = new URL('../../../../../config/images/', import.meta.url);

function mistakes(text: string): string[] {
  try {
    parseProfile(text, 'x.image');
  } catch (error) {
    if (error instanceof ProfileError) return error.message.split('\n');
    throw error;
  }
  return [];
}

t.test('the shipped images', (t) => {
  const names = readdirSync(folder).filter((name) => name.endsWith('.image'));
  t.same(names.sort(), ['linux.image', 'windows-xp.image']);
  const [linux, xp] = names.map((name) => parseProfile(readFileSync(new URL(name, folder), 'utf8'), name));
  t.match(linux, { memory: 128 * 2 ** 20, ttl: 64, mss: 1460, windowScale: 7 });
  t.same(linux!.tcp.of(22), { kind: 'banner', text: 'SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n' });
  t.match(linux!.tcp.of(80), { kind: 'http' });
  t.same(
    [7, 7007].map((port) => linux!.tcp.of(port)),
    [{ kind: 'echo' }, { kind: 'chain' }],
  );
  t.equal(linux!.tcp.of(23), 'closed');
  t.equal(xp!.ttl, 128);
  t.match(xp!.tcp.of(80), { kind: 'http', server: 'Microsoft-IIS/5.1' });
  for (const port of [135, 139, 445]) t.type(xp!.tcp.of(port), 'object');
  t.end();
});

t.test('an empty profile has defaults', (t) => {
  const profile = parseProfile('\n  # nothing\n', 'x.image');
  t.match(profile, { memory: 128 * 2 ** 20, ttl: 64, hostname: undefined, options: ['mss'] });
  t.equal(profile.tcp.of(80), 'closed');
  t.end();
});

t.test('ports: lists, ranges, others', (t) => {
  const { tcp, udp } = parseProfile('tcp 1, 3-5,7 silent\ntcp 6 closed\ntcp others filtered\nudp 53 echo', 'x.image');
  t.same(
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 65535].map((port) => (typeof tcp.of(port) === 'string' ? tcp.of(port) : 'open')),
    ['filtered', 'open', 'filtered', 'open', 'open', 'open', 'closed', 'open', 'filtered', 'filtered'],
  );
  t.same([udp.of(53), udp.of(54)], [{ kind: 'echo' }, 'closed']);
  t.end();
});

t.test('texts are bytes', (t) => {
  const { tcp } = parseProfile('tcp 1 banner "a\\r\\n\\t\\"\\\\\\x00\\xFF#é" # and a comment', 'x.image');
  const banner = tcp.of(1);
  t.same(banner, { kind: 'banner', text: 'a\r\n\t"\\\x00\xff#\xc3\xa9' });
  t.end();
});

t.test('the working set fits into the memory', (t) => {
  t.equal(parseProfile('memory 1M', 'x').dirty.limit, 128);
  t.equal(parseProfile('memory 1M\ndirty limit 5', 'x').dirty.limit, 5);
  t.end();
});

t.test('mistakes say where and what is valid, all of them', (t) => {
  const cases: [string, string][] = [
    ['colour red', "1:1: unknown key 'colour'; valid are memory, ttl, hostname, window, mss, options, tcp, udp, dirty"],
    ['"ttl" 5', '1:1: expected a key: memory, ttl, hostname, window, mss, options, tcp, udp, dirty, not a quoted text'],
    ['\n  memory 12', "2:10: expected a size from 1M to 64G, not '12'"],
    ['memory', '1:7: expected a size such as 128M'],
    ['memory 65G', "1:8: expected a size from 1M to 64G, not '65G'"],
    ['ttl 0', "1:5: expected a TTL, a number from 1 to 255, not '0'"],
    ['ttl 5 6', "1:7: 'ttl' takes no more than this"],
    ['ttl 5\nttl 6', "2:1: 'ttl' is given twice"],
    ['hostname x', '1:10: expected a hostname in "quotes"'],
    ['hostname "x', '1:10: this text has no closing "'],
    [`hostname "${'x'.repeat(64)}"`, '1:10: longer than 63 bytes'],
    ['tcp 21 banner "a\\q"', '1:17: unknown escape \\q; valid are \\r \\n \\t \\" \\\\ and \\xNN'],
    ['options mss speed', "1:13: unknown TCP option 'speed'; valid are mss, nop, sack, timestamp, wscale"],
    ['options mss mss', "1:13: option 'mss' is given twice"],
    ['options wscale', '1:15: expected a window shift, a number from 0 to 14'],
    ['tcp 80 dance', "1:8: unknown service 'dance'; valid are echo, silent, chain, banner, http, closed, filtered"],
    ['udp 80 http', "1:8: unknown service 'http'; valid are echo, silent, closed, filtered"],
    ['tcp others echo', "1:12: unknown service 'echo'; valid are closed, filtered"],
    ['tcp 0 echo', "1:5: expected a port, a range such as 137-139, or others, not '0'"],
    ['tcp 9-5 echo', "1:5: expected a port, a range such as 137-139, or others, not '9-5'"],
    ['tcp 65536 echo', "1:5: expected a port, a range such as 137-139, or others, not '65536'"],
    ['tcp 5-9 echo\ntcp 1, 7-8 silent', '2:8: port 7 has a rule already'],
    ['tcp 80', '1:7: expected service: echo, silent, chain, banner, http, closed, filtered'],
    ['tcp 80 http', '1:12: expected the title of the page in "quotes"'],
    ['dirty never 5', "1:7: unknown occasion 'never'; valid are birth, connection, packet, limit"],
    ['dirty birth -1', "1:13: expected a number of pages, a number from 0 to 16777216, not '-1'"],
  ];
  for (const [text, message] of cases) t.same(mistakes(text), [`x.image:${message}`], text);
  t.equal(mistakes('a\nttl 5\nb\nc').length, 3);
  t.end();
});
