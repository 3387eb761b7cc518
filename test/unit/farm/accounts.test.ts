import t from 'tap';
import { Accounts } from '../../../src/farm/accounts.js';
import type { CloneAccount, CloneBackend } from '../../../src/farm/backend.js';

function rig(clones: Map<number, { id: number }>) {
  const asked: number[] = [];
  const account = (id: number): CloneAccount | undefined => {
    asked.push(id);
    return id === 3 ? undefined : { pid: 0, delta: id, pss: 0, overhead: 0, disk: 0 };
  };
  const accounts = new Accounts({ account } as unknown as CloneBackend, 2);
  return { accounts, asked, refresh: () => accounts.refresh(clones.values()) };
}

t.test('clones are asked a few at a time, in turn, and what is gone is forgotten', async (t) => {
  const clones = new Map([1, 2, 3, 4, 5].map((id) => [id, { id }]));
  const { accounts, asked, refresh } = rig(clones);
  t.equal(accounts.get(1), undefined);
  refresh();
  t.same(asked, [1, 2]);
  t.equal(accounts.get(1)?.delta, 1);
  t.equal(accounts.get(4), undefined);
  clones.delete(1);
  clones.set(6, { id: 6 });
  for (let i = 0; i < 3; i++) refresh();
  t.same(asked, [1, 2, 3, 4, 5, 6]);
  t.equal(accounts.get(3), undefined, 'the backend could not tell');
  t.equal(accounts.get(6)?.delta, 6);
  for (let i = 0; i < 3; i++) refresh();
  t.equal(accounts.get(1), undefined, 'forgotten after the next round');
  t.equal(accounts.get(2)?.delta, 2);
});

t.test('a backend that cannot tell is not asked', async (t) => {
  const accounts = new Accounts({} as CloneBackend);
  accounts.refresh([{ id: 1 }]);
  t.equal(accounts.get(1), undefined);
});
