import t from 'tap';
import { type Asked, tellFarms } from '../../../src/control/farms.js';

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
