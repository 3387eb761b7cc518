import { createHash } from 'node:crypto';
import t from 'tap';
import { greCapture, type Workload } from '../../../bench/workload/gre.js';
import { PythonRandom } from '../../../bench/workload/random.js';

function hash(workload: Workload): string {
  const sum = createHash('sha256');
  for (const piece of greCapture(workload)) sum.update(piece);
  return sum.digest('hex');
}

t.test('draws what Python draws', async (t) => {
  const rng = new PythonRandom(1);
  // random.Random(1): getrandbits(32), getrandbits(8), random(), randrange(1024, 65536), choice(range(5))
  t.equal(rng.getrandbits(32), 577_090_037);
  t.equal(rng.getrandbits(8), 145);
  t.equal(rng.random(), 0.8474337369372327);
  t.equal(rng.randrange(1024, 65_536), 51_078);
  t.equal(rng.choice([0, 1, 2, 3, 4]), 0);
});

t.test('the workload is the one that others were measured with', async (t) => {
  t.equal(
    hash({ packets: 3000, flows: 500 }),
    '0ebd792c96d09e79c5a86655839df60ff641e645b16c43bc4334c7c228494556',
    'flows that take turns at random',
  );
  t.equal(
    hash({ packets: 2000, flows: 2000, seed: 7 }),
    'd9ad8b691c38a68b970c0d93498817454b7e5af6175a523d7ca5f30312a43d30',
    'flows of one packet',
  );
});
