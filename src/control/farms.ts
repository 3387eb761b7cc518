import type { DataPlane } from './dataplane.js';
import type { Reply } from './http.js';

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
export async function tellFarms(planes: readonly Asked[], what: 'clones' | 'universes'): Promise<Reply> {
  const farms: string[] = [];
  for (const plane of planes) {
    for (const name of await farmsOf(plane)) {
      const lines = (await plane.call({ handler: `${name}.${what}` })).trimEnd();
      farms.push(`{"name":${JSON.stringify(name)},"${what}":[${lines.replaceAll('\n', ',')}]}`);
    }
  }
  return { type: 'application/json', body: `{"farms":[${farms.join(',')}]}\n` };
}
