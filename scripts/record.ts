/** Makes demo/story.pcap. Run it when the story has changed, or the simulated clones answer differently. */
import { chapters } from '../src/control/story/chapters.js';
import { record } from './record/conversation.js';

const FILE = 'demo/story.pcap';

/** Seconds since the epoch, and from one chapter and one call to the next. */
const BEGINNING = Date.UTC(2026, 0, 1) / 1000;
const CHAPTER = 2;
const CALL = 0.001;

await record(
  FILE,
  chapters('simulated').flatMap(({ calls }, chapter) =>
    calls.map((call, i) => ({ call, time: BEGINNING + chapter * CHAPTER + i * CALL })),
  ),
);
console.log(FILE);
