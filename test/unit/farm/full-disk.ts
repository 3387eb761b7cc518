/** Captures a clone into the folder given, whose disk is too small for it, and says how that went. */
import { closeSync, readdirSync } from 'node:fs';
import { captureClone } from '../../../src/farm/capture.js';
import { CaptureStore } from '../../../src/farm/capture-store.js';
import { Pool } from '../../../src/farm/pool.js';
import { caught } from './caught.js';

const [folder, elsewhere] = process.argv.slice(2) as [string, string];
const pool = new Pool({ budget: 1 << 26 });
const store = new CaptureStore(folder, { captures: 10, bytes: 1 << 30 });
await store.open();
const big = caught(pool, elsewhere, 500);
const outcome = await captureClone(store, big);
const left = readdirSync(folder);
const small = caught(pool, elsewhere, 5);
const after = await captureClone(store, { ...small, now: small.now + 1 });
console.log(JSON.stringify({ outcome, left, after, counts: store.counts }));
closeSync(big.disk);
closeSync(small.disk);
await store.close();
pool.close();
