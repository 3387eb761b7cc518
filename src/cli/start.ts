/** What `npm start` runs: the demonstration. scripts/start says what its options mean. */
import '../control/stop-signal.js';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Failure } from '../control/failure.js';
import { parseListen } from '../control/http.js';
import { DEFAULT_NAME, DEFAULT_STATE } from '../control/lab/layout.js';
import { liveStory } from '../control/story/live.js';
import { replayStory } from '../control/story/replay.js';
import { Teller } from '../control/story/teller.js';
import { chooseWorld } from '../control/story/world.js';

const path = (name: string) => fileURLToPath(new URL(`../../../${name}`, import.meta.url));

function options() {
  try {
    return parseArgs({
      options: {
        once: { type: 'boolean', default: false },
        replay: { type: 'boolean', default: false },
        simulated: { type: 'boolean', default: false },
        farm: { type: 'string', default: path('.cache/state') },
        name: { type: 'string', default: DEFAULT_NAME },
        state: { type: 'string', default: DEFAULT_STATE },
        listen: { type: 'string', default: '127.0.0.1:9477' },
      },
    }).values;
  } catch (error) {
    throw new Failure(`${(error as Error).message}\n(scripts/start --help tells more)`);
  }
}

// `npm start | head`
process.stdout.on('error', () => process.exit(1));

try {
  const { once, replay, simulated, name, state, farm, listen } = options();
  const { version } = JSON.parse(readFileSync(path('package.json'), 'utf8')) as { version: string };
  const teller = new Teller(process.stdout);
  teller.title('Potemkin, a honeyfarm gateway');
  teller.text(
    'A router sends the traffic of 65,536 unused addresses, 10.99.0.0/16, through a GRE tunnel. Every one of them seems to be a live machine: it is made when somebody contacts it, and can hurt nobody.',
  );
  if (replay || process.geteuid?.() !== 0) {
    const why = replay
      ? 'As you wish, '
      : 'The live story makes network namespaces and needs root (sudo npm start). Without it, ';
    teller.text(`${why}these are packets of a capture, demo/story.pcap, through the same graph.`);
    process.exitCode = await replayStory(teller, {
      graph: path('config/replay.click'),
      capture: path('demo/story.pcap'),
      version,
    });
  } else {
    teller.heading('The machines');
    const world = simulated ? 'simulated' : await chooseWorld(teller, farm, path('config/images/linux.recipe'));
    process.exitCode = await liveStory(teller, {
      farm,
      world,
      graph: path('config/farm.click'),
      name,
      state,
      listen: parseListen(listen),
      once,
      version,
    });
  }
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
