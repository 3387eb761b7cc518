import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { manual } from '../../src/cli/manual.js';
import { checkSource } from '../../src/control/graph-file.js';
import { elements } from '../../src/elements/index.js';
import { formatDiagnostic } from '../../src/pipeline/click/diagnostics.js';

const top = fileURLToPath(new URL('../../../', import.meta.url));

/** Errors of a graph in the folder of shipped configurations, so that examples can name the maps and policies there. */
function errors(file: string, text: string): string[] {
  const { diagnostics } = checkSource({ file: join(top, 'config', file), text }, {});
  return diagnostics.filter(({ severity }) => severity === 'error').map(formatDiagnostic);
}

/**
 * An example may be a part of a graph: it may use elements (not classes: names in lower case) that it does not declare,
 * and leave ports unconnected. All else must be right.
 */
const FRAGMENT = /: (undeclared element '[a-z]|'[^']*' (input|output) \S+ unused)/;

t.test('every element has a manual, and its examples pass the check', async (t) => {
  for (const name of elements.names) {
    const { prose, examples } = manual(name);
    t.ok(prose.length > 0, `${name} says why it exists`);
    t.ok(examples.length > 0, `${name} has an example`);
    for (const example of examples) {
      t.match(example, new RegExp(`\\b${name}\\b`), `the example of ${name} uses it`);
      t.same(
        errors(`example-of-${name}.click`, example).filter((error) => !FRAGMENT.test(error)),
        [],
        `example of ${name}`,
      );
    }
  }
});

t.test('every shipped graph passes the check', async (t) => {
  const graphs = readdirSync(join(top, 'config'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.click'),
  );
  for (const file of graphs) t.same(errors(file, readFileSync(join(top, 'config', file), 'utf8')), [], file);
});

t.test('generated files are up to date', async (t) => {
  t.ok(existsSync(join(top, 'docs/reference/README.md')));
  t.doesNotThrow(() =>
    execFileSync(process.execPath, ['dist/scripts/generate.js', '--check'], { cwd: top, stdio: 'inherit' }),
  );
});
