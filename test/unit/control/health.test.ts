import t from 'tap';
import { health } from '../../../src/control/health.js';

/** A worker whose last turn was at this second. */
const pulse = (lastTurn: number, alive = true) => ({
  worker: 0,
  alive,
  stats: {
    slots: new Float64Array([0, lastTurn]),
    descriptions: [{ name: 'last_turn_timestamp_seconds', kind: 'gauge' as const, doc: '', labels: {}, at: 1 }],
  },
});

t.test('health', async (t) => {
  const status = (pulses: Parameters<typeof health>[0]) => {
    const { status, body } = health(pulses, 1000, 7, { stopped: false });
    return [status, JSON.parse(body).status];
  };
  t.same(status([pulse(999)]), [200, 'ok']);
  t.same(status([pulse(990)]), [503, 'stalled']);
  t.same(status([pulse(999, false)]), [503, 'ended']);
  t.same(status([{ worker: 0, alive: true, stats: undefined }]), [503, 'starting']);
  t.same(status([pulse(0)]), [200, 'ok'], 'started, first turn to come');
  t.same(status([pulse(999), pulse(990)]), [503, 'stalled'], 'one bad worker is enough');
  t.same(status([pulse(1005)]), [200, 'ok'], 'a clock that was set back');
  t.same(JSON.parse(health([pulse(999)], 1000, 7, { stopped: true, since: '', by: 'x', reason: '' }).body), {
    status: 'ok',
    uptime: 7,
    export: { stopped: true, since: '', by: 'x', reason: '' },
    workers: [{ worker: 0, status: 'ok', alive: true, lastTurnAge: 1 }],
  });
});
