import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { describeExport, ExportControl } from '../../../src/control/export-control.js';
import { parseStopRecord, StopFile } from '../../../src/control/stop-file.js';
import type { EngineEvent } from '../../../src/pipeline/events.js';

function start(path: string | undefined) {
  const events: EngineEvent[] = [];
  const exports = new ExportControl(path === undefined ? undefined : new StopFile(path), (event) => events.push(event));
  return { exports, events };
}

t.test('a stop is told, written down, and outlives the daemon', async (t) => {
  const path = join(t.testdir({}), 'state', 'export-stopped.json');
  const { exports, events } = start(path);
  t.same(exports.state, { stopped: false });
  t.match(exports.stop('alice', 'a\nworm'), { stopped: true, by: 'alice', reason: 'a\\x0aworm', file: path });
  t.equal(exports.killSwitch.stopped, true);
  t.same(events, [{ kind: 'export', stopped: true, by: 'alice', reason: 'a\\x0aworm' }]);
  t.equal(statSync(path).mode & 0o777, 0o600);

  const second = start(path);
  t.equal(second.exports.killSwitch.stopped, true);
  t.same(second.exports.state, exports.state);
  t.match(describeExport(second.exports.state), /^export is stopped since \d.*Z, by alice: a\\x0aworm$/);

  t.equal(second.exports.allow('bob', 'no worm'), true);
  t.equal(second.exports.killSwitch.stopped, false);
  t.same(second.events, [{ kind: 'export', stopped: false, by: 'bob', reason: 'no worm' }]);
  t.notOk(existsSync(path));
  t.equal(second.exports.allow('bob', 'again'), false);
  t.equal(start(path).exports.killSwitch.stopped, false);
});

t.test('the first stop is the one that is told; a file that is gone is written again', async (t) => {
  const path = join(t.testdir({}), 'export-stopped.json');
  const { exports, events } = start(path);
  exports.stop('alice', 'one');
  const first = readFileSync(path, 'utf8');
  t.match(exports.stop('bob', 'two'), { by: 'alice', reason: 'one' });
  t.equal(events.length, 1);
  rmSync(path);
  exports.stop('bob', 'two');
  t.equal(readFileSync(path, 'utf8'), first);
});

t.test('a stop that the data plane makes', async (t) => {
  const path = join(t.testdir({}), 'export-stopped.json');
  const { exports, events } = start(path);
  exports.killSwitch.hear({ by: 'export', reason: 'too fast' });
  t.match(exports.state, { stopped: true, by: 'export', reason: 'too fast' });
  t.equal(events.length, 1);
  t.match(parseStopRecord(readFileSync(path, 'utf8')), { by: 'export' });
});

t.test('a damaged file means stopped', async (t) => {
  const path = join(t.testdir({}), 'export-stopped.json');
  for (const text of ['', '{', 'null', '7', '{"since":1}', '{"since":"x","by":"y","reason":"z"}']) {
    writeFileSync(path, text);
    const { exports } = start(path);
    t.match(exports.state, { stopped: true, by: 'start', reason: /export-stopped\.json: / }, text);
    t.equal(start(path).exports.killSwitch.stopped, true, 'and stays so');
    t.ok(exports.opens(parseStopRecord(readFileSync(path, 'utf8')).key), 'it can be lifted');
  }
});

t.test('something that is no file means stopped, and that cannot be lifted', async (t) => {
  const path = join(t.testdir({}), 'export-stopped.json');
  mkdirSync(path);
  writeFileSync(join(path, 'x'), '');
  const { exports, events } = start(path);
  t.match(exports.state, { stopped: true, trouble: /will not outlive/ });
  t.match(events, [{ kind: 'error', message: /not written down/ }]);
  t.throws(() => exports.allow('bob', 'never mind'), { message: /export stays stopped/ });
  t.equal(exports.killSwitch.stopped, true);
});

t.test('a stop that cannot be written down holds, and says so', async (t) => {
  const folder = t.testdir({ file: '' });
  const { exports, events } = start(join(folder, 'file', 'export-stopped.json'));
  t.equal(exports.killSwitch.stopped, true, 'what cannot be read is taken for a stop');
  t.match(exports.stop('alice', 'a worm'), { stopped: true, trouble: /will not outlive the daemon/ });
  t.match(events[0], { kind: 'error' });
});

t.test('the key is in the file', async (t) => {
  const path = join(t.testdir({}), 'export-stopped.json');
  const { exports } = start(path);
  t.equal(exports.opens(''), false);
  exports.stop('alice', '');
  const { key } = parseStopRecord(readFileSync(path, 'utf8'));
  t.equal(exports.opens(key), true);
  for (const wrong of ['', key.slice(1), `${key}0`, key.replace(/./g, '0')]) t.equal(exports.opens(wrong), false);
  t.notMatch(JSON.stringify(exports.state), key);
  exports.allow('bob', 'over');
  t.equal(exports.opens(key), false, 'once');
});

t.test('long reasons are cut', async (t) => {
  const { exports } = start(undefined);
  const state = exports.stop('x'.repeat(5000), 'y'.repeat(5000));
  t.match(state, { by: /^x{300}$/, reason: /^y{300}$/ });
  t.equal(exports.locked, false);
  t.equal(exports.allow('bob', 'over'), true);
});

t.test('other files of the folder do not matter', async (t) => {
  const folder = t.testdir({ 'export-stopped.json.12-0.part': 'half a rec' });
  chmodSync(folder, 0o700);
  t.equal(start(join(folder, 'export-stopped.json')).exports.killSwitch.stopped, false);
});
