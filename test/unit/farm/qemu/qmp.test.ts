import { Socket } from 'node:net';
import t, { type Test } from 'tap';
import { Qmp, type QmpEvent } from '../../../../src/farm/qemu/qmp.js';
import { native } from '../../../../src/native/addon.js';

/** A monitor that answers as the test says, and what it was told. */
function rig(t: Test) {
  const [ours, theirs] = native.streamPair();
  const events: QmpEvent[] = [];
  const qmp = new Qmp(ours, (event) => events.push(event));
  const monitor = new Socket({ fd: theirs });
  let told = '';
  monitor.on('data', (piece) => {
    told += piece.toString();
  });
  monitor.on('error', () => {});
  t.teardown(() => {
    qmp.close();
    monitor.destroy();
  });
  const commands = async (count: number) => {
    while (told.split('\n').length <= count) await new Promise((resolve) => setTimeout(resolve, 1));
    return told
      .split('\n')
      .slice(0, count)
      .map((line) => JSON.parse(line) as { execute: string; arguments?: unknown });
  };
  const say = (...messages: unknown[]) => {
    monitor.write(messages.map((message) => `${JSON.stringify(message)}\r\n`).join(''));
  };
  return { qmp, monitor, events, commands, say };
}

t.test('answers come to those who asked, in order, and events to all', async (t) => {
  const { qmp, events, commands, say } = rig(t);
  const first = qmp.execute('query-status');
  const second = qmp.execute('migrate', { uri: 'fd:7' });
  t.same(await commands(3), [
    { execute: 'qmp_capabilities' },
    { execute: 'query-status' },
    { execute: 'migrate', arguments: { uri: 'fd:7' } },
  ]);
  say({ QMP: { version: {} } }, { return: {} }, { return: { status: 'paused' } });
  t.same(await first, { status: 'paused' });
  say({ event: 'STOP', timestamp: {} }, { error: { class: 'GenericError', desc: 'no such file' } });
  await t.rejects(second, { message: 'migrate: no such file' });
  t.same(events, [{ event: 'STOP', data: undefined }]);
});

t.test('an answer may come in pieces', async (t) => {
  const { qmp, monitor, say } = rig(t);
  const answer = qmp.execute('stop');
  say({ QMP: {} }, { return: {} });
  monitor.write('{"ret');
  await new Promise((resolve) => setTimeout(resolve, 5));
  monitor.write('urn": {"a": 1}}\r\n');
  t.same(await answer, { a: 1 });
});

t.test('when QEMU is gone, so are all answers', async (t) => {
  const { qmp, monitor } = rig(t);
  const answer = qmp.execute('cont');
  monitor.destroy();
  await t.rejects(answer, { message: /^cont: / });
  await t.rejects(qmp.execute('stop'), { name: 'QmpError' });
});

for (const [what, text] of [
  ['nonsense', 'nonsense\n'],
  ['a message without end', '['.repeat(2 ** 20 + 1)],
] as const) {
  t.test(`${what} ends the connection`, async (t) => {
    const { qmp, monitor } = rig(t);
    const answer = qmp.execute('cont');
    monitor.write(text);
    await t.rejects(answer, { name: 'QmpError' });
  });
}
