import { readFileSync } from 'node:fs';
import { drawGraph, renderSvg } from '../../src/cli/draw.js';
import { checkGraph } from '../../src/pipeline/check.js';
import type { ElementClass } from '../../src/pipeline/element.js';
import { Registry } from '../../src/pipeline/registry.js';

/** docs/farm.svg: the picture of the default graph. */
export async function pictures(classes: readonly ElementClass[]): Promise<[path: string, text: string][]> {
  const file = 'config/farm.click';
  const registry = new Registry(classes);
  const { graph, diagnostics } = checkGraph({ file, text: readFileSync(file, 'utf8') }, registry);
  if (!graph) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
  return [['docs/farm.svg', await renderSvg(drawGraph(graph.flat, registry))]];
}
