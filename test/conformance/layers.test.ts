import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import t from 'tap';

/** Who may import whom: each folder of src/, and what it may import beside itself. */
const LAYERS: Record<string, readonly string[]> = {
  native: [],
  packet: ['native'],
  pipeline: ['packet', 'native'],
  farm: ['pipeline', 'packet', 'native'],
  elements: ['pipeline', 'farm', 'packet'],
  control: ['elements', 'pipeline', 'farm', 'packet', 'native'],
  cli: ['control', 'elements', 'pipeline', 'farm', 'packet', 'native'],
};

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .map((file) => join(folder, file));
}

function imports(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'(\.[^']+)'/g)].map(([, path]) => join(dirname(file), path!));
}

const layerOf = (file: string) => relative('src', file).split('/')[0]!;

t.test('imports go down, never up', async (t) => {
  for (const file of sources('src')) {
    const layer = layerOf(file);
    const allowed = LAYERS[layer];
    if (!allowed) t.fail(`${file} lies in no known folder`);
    for (const target of imports(file)) {
      const other = layerOf(target);
      if (other !== layer && !allowed?.includes(other)) t.fail(`${file} imports ${target}`);
    }
  }
  t.pass('all imports looked at');
});

t.test('no element imports another', async (t) => {
  for (const file of sources('src/elements')) {
    if (file.endsWith('/index.ts')) continue;
    for (const target of imports(file)) if (layerOf(target) === 'elements') t.fail(`${file} imports ${target}`);
  }
  t.pass('all elements looked at');
});

t.test('nothing in src imports tests, benchmarks or scripts', async (t) => {
  for (const file of sources('src')) {
    for (const target of imports(file)) if (!target.startsWith('src/')) t.fail(`${file} imports ${target}`);
  }
  t.pass('all imports looked at');
});
