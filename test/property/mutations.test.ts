/** Broken builds are found out by the property test of containment. `npm run mutations` tries more of them. */
import { rmSync } from 'node:fs';
import t from 'tap';
import { check, OTHERS, SEEDED, test } from './containment/mutations.js';

for (const [number, mutation] of SEEDED.entries()) {
  t.test(mutation.name, async (t) => {
    const folder = t.testdir({});
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const said = await test(`${folder}/${number}`, mutation, 20_000);
    t.match(said ?? 'nothing was wrong', mutation.says);
  });
}

t.test('the others are about the code as it is', async (t) => {
  for (const mutation of OTHERS) t.doesNotThrow(() => check(mutation), mutation.name);
});
