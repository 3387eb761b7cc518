import type { DataPlane } from './dataplane.js';
import { plain, type Reply } from './http.js';

/** What is asked of a data plane: the values of handlers. */
export type Asked = Pick<DataPlane, 'call'>;

/** The elements of a graph that are farms, by name. */
async function farmsOf(plane: Asked): Promise<string[]> {
  const [, ...names] = (await plane.call({ handler: 'list' })).trimEnd().split('\n');
  const classes = await Promise.all(names.map((name) => plane.call({ handler: `${name}.class` })));
  return names.filter((_, i) => classes[i] === 'CloneFarm');
}

/**
 * What a handler of all farms says, a JSON object a line, as one reply: `{"farms": [{"name": …, "clones": […]}]}`. The
 * lines are passed on as they are.
 */
export async function tellFarms(
  planes: readonly Asked[],
  what: 'clones' | 'universes',
  handler: 'clones' | 'universes' | 'ended' = what,
): Promise<Reply> {
  const farms: string[] = [];
  for (const plane of planes) {
    for (const name of await farmsOf(plane)) {
      const lines = (await plane.call({ handler: `${name}.${handler}` })).trimEnd();
      farms.push(`{"name":${JSON.stringify(name)},"${what}":[${lines.replaceAll('\n', ',')}]}`);
    }
  }
  return { type: 'application/json', body: `{"farms":[${farms.join(',')}]}\n` };
}

/** The causal tree of one universe, in all farms that have it: universes of several planes may have the same number. */
export async function tellTree(planes: readonly Asked[], id: string): Promise<Reply> {
  const farms: string[] = [];
  for (const plane of planes) {
    for (const name of /^\d{1,10}$/.test(id) ? await farmsOf(plane) : []) {
      const universe = await plane.call({ handler: `${name}.tree ${id}` });
      if (universe !== '') farms.push(`{"name":${JSON.stringify(name)},"universe":${universe}}`);
    }
  }
  if (farms.length === 0) return plain(404, 'no universe of this number exists, or is remembered\n');
  return { type: 'application/json', body: `{"farms":[${farms.join(',')}]}\n` };
}
