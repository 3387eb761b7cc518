import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { CaptureNative } from './capture.js';
import type { ClassifyNative } from './classify.js';
import type { DescriptorsNative } from './descriptors.js';
import type { DeviceNative } from './device.js';
import type { FlowNative } from './flow.js';
import type { GreNative } from './gre.js';
import type { HeldNative } from './held.js';
import type { IpNative } from './ip.js';
import type { PagecowNative } from './pagecow.js';
import type { ProcessMemoryNative } from './process-memory.js';
import type { ScansNative } from './scans.js';
import type { TableNative } from './table.js';
import type { TallyNative } from './tally.js';
import type { UniverseKeysNative } from './universe-keys.js';

/** What the addon exports. Each part of native/ declares its functions in a file of this folder. */
export interface Native
  extends CaptureNative,
    ClassifyNative,
    DescriptorsNative,
    DeviceNative,
    FlowNative,
    GreNative,
    HeldNative,
    IpNative,
    PagecowNative,
    ProcessMemoryNative,
    ScansNative,
    TableNative,
    TallyNative,
    UniverseKeysNative {}

// The compiled file is dist/src/native/addon.js; the addon lies in build/ at the top.
const path = fileURLToPath(
  new URL(`../../../build/${process.env.POTEMKIN_BUILD ?? 'Release'}/potemkin.node`, import.meta.url),
);

function load(): Native {
  try {
    return createRequire(import.meta.url)(path) as Native;
  } catch (error) {
    throw new Error(`cannot load the native addon ${path}; build it with \`npm run setup\``, { cause: error });
  }
}

/** The addon's instance of this thread. */
export const native: Native = load();
