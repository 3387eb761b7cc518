/** What is profiled, in a process of its own, which tells its number: play.js CHAIN SECONDS. */
import { timeChain } from '../chain.js';
import { namedChain } from '../suites/chains.js';

const [name, seconds] = [process.argv[2]!, Number(process.argv[3])];
const { chain } = namedChain(name, () => {});
for (const until = performance.now() + seconds * 1000; performance.now() < until; ) await timeChain(chain);
console.log(process.pid);
