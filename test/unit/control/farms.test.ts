import t from 'tap';
import { type Asked, tellFarms, tellTree } from '../../../src/control/farms.js';

const plane = (handlers: Record<string, string>): Asked => ({
  call: async ({ handler }) => {
    const value = handlers[handler];
    if (value === undefined) throw new Error(`no handler ${handler}`);
    return value;
  },
});

t.test('farms are found by their class, whatever their names', async (t) => {
  const handlers = {
    list: '3\nmy/"farm"\ntunnel\nother\n',
    'my/"farm".class': 'CloneFarm',
    'tunnel.class': 'GreTunnel',
    'other.class': 'CloneFarm',
    'my/"farm".clones': '{"clone":1}\n{"clone":2}\n',
    'other.clones': '',
  };
  const { type, body } = await tellFarms([plane(handlers), plane({ list: '0\n' })], 'clones');
  t.equal(type, 'application/json');
  t.same(JSON.parse(body), {
    farms: [
      { name: 'my/"farm"', clones: [{ clone: 1 }, { clone: 2 }] },
      { name: 'other', clones: [] },
    ],
  });
  t.same(JSON.parse((await tellFarms([], 'universes')).body), { farms: [] });
});

t.test('the tree of a universe is that of each farm that has it', async (t) => {
  const handlers = {
    list: '2\nfarm\nother\n',
    'farm.class': 'CloneFarm',
    'other.class': 'CloneFarm',
    'farm.tree 7': '{"universe":7}',
    'other.tree 7': '',
    'farm.tree 8': '',
    'other.tree 8': '',
  };
  t.same(JSON.parse((await tellTree([plane(handlers)], '7')).body), {
    farms: [{ name: 'farm', universe: { universe: 7 } }],
  });
  t.equal((await tellTree([plane(handlers)], '8')).status, 404);
  for (const wrong of ['', 'x', '-1', '7 8', '7\n', '12345678901'])
    t.equal((await tellTree([plane(handlers)], wrong)).status, 404, wrong);
});

t.test('universes that have ended are asked of another handler', async (t) => {
  const handlers = { list: '1\nfarm\n', 'farm.class': 'CloneFarm', 'farm.ended': '{"universe":1}\n' };
  t.same(JSON.parse((await tellFarms([plane(handlers)], 'universes', 'ended')).body), {
    farms: [{ name: 'farm', universes: [{ universe: 1 }] }],
  });
});
