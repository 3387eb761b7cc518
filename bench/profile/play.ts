/** What is profiled, in a process of its own, which tells its number: play.js CHAIN SECONDS. */
import { timeChain } from '../chain.js';
import { namedChain, removeOutput } from '../suites/chains.js';

const [name, seconds] = [process.argv[2]!, Number(process.argv[3])];
const { chain } = namedChain(name, () => {});
try {
  for (const until = performance.now() + seconds * 1000; performance.now() < until; ) await timeChain(chain);
} finally {
  removeOutput();
}
console.log(process.pid);
