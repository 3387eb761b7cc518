import t from 'tap';
import { formatDiagnostic } from '../../../src/pipeline/click/diagnostics.js';
import { readGraph } from '../../../src/pipeline/click/read.js';
import { unparse } from '../../../src/pipeline/click/unparse.js';
import type { Case } from './case.js';
import { options } from './classes.js';
import { compounds } from './compounds.js';
import { configuration } from './configuration.js';
import { connections } from './connections.js';
import { declarations } from './declarations.js';
import { files } from './files.js';
import { groups } from './groups.js';

const lines = (text: string) => text.split('\n').filter((line) => line !== '');

function run({ text, defines = {}, libraries = {} }: Case) {
  const readLibrary = (name: string) => {
    const found = libraries[name];
    return found === undefined ? undefined : { file: name, text: found };
  };
  return readGraph({ file: 'f', text }, { ...options, defines, readLibrary });
}

for (const [section, cases] of Object.entries({ declarations, connections, groups, compounds, configuration, files })) {
  t.test(section, async (t) => {
    for (const one of cases) {
      const { graph, diagnostics } = run(one);
      t.same(diagnostics.map(formatDiagnostic), one.errors ?? [], `${one.name}: diagnostics`);
      if (one.flat) t.same(lines(unparse(graph, options.findClass)), one.flat, `${one.name}: flat`);
    }
  });
}
