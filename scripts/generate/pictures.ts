/** docs/farm.svg: the picture of the default graph. The elements are loaded late: their index may just be made. */
export async function pictures(): Promise<[path: string, text: string][]> {
  const [{ drawGraph, renderSvg }, { load }, { elements }] = await Promise.all([
    import('../../src/cli/draw.js'),
    import('../../src/cli/load.js'),
    import('../../src/elements/index.js'),
  ]);
  const dot = drawGraph(load('config/farm.click').graph.flat, elements);
  return [['docs/farm.svg', await renderSvg(dot)]];
}
