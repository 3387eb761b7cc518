import { createHash } from 'node:crypto';
import type { Stacks } from './stacks.js';

interface Node {
  readonly name: string;
  samples: number;
  readonly children: Map<string, Node>;
}

const [WIDTH, ROW, HEAD] = [1200, 18, 40];
/** Pixels of the narrowest frame that is drawn, and of a letter. */
const [NARROWEST, LETTER] = [0.5, 6.6];

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string) => text.replace(/[&<>"]/g, (char) => ESCAPES[char]!);

function grow(stacks: Stacks): Node {
  const root: Node = { name: 'all', samples: 0, children: new Map() };
  for (const { frames, samples } of stacks.values()) {
    let node = root;
    node.samples += samples;
    for (const name of frames) {
      const child = node.children.get(name) ?? { name, samples: 0, children: new Map<string, Node>() };
      node.children.set(name, child);
      child.samples += samples;
      node = child;
    }
  }
  return root;
}

const depth = (node: Node): number => 1 + Math.max(0, ...[...node.children.values()].map(depth));

/** JavaScript is warm, native code cold; a frame keeps its colour from one graph to the next. */
function colour(name: string): string {
  const shade = createHash('sha1').update(name).digest()[0]! / 255;
  const hue = / \S+\.js$/.test(name) ? 25 + shade * 30 : 190 + shade * 40;
  return `hsl(${Math.round(hue)} 70% ${Math.round(68 + shade * 12)}%)`;
}

/**
 * A flame graph (Gregg, 2011): the width of a frame is how often it was on the stack, what it calls stands above it, and the order
 * from left to right means nothing. Pointing at a frame tells its name and share.
 */
export function drawFlames(stacks: Stacks, title: string): string {
  const root = grow(stacks);
  if (root.samples === 0) throw new Error('no sample has a turn of the engine on its stack');
  const height = HEAD + depth(root) * ROW;
  const parts: string[] = [];
  const draw = (node: Node, x: number, level: number) => {
    const width = (node.samples / root.samples) * WIDTH;
    if (width < NARROWEST) return;
    const y = height - (level + 1) * ROW;
    const share = `${escaped(node.name)}: ${((node.samples / root.samples) * 100).toFixed(1)} %`;
    const letters = Math.floor((width - 6) / LETTER);
    const shown = node.name.length <= letters ? node.name : letters > 3 ? `${node.name.slice(0, letters - 1)}…` : '';
    parts.push(
      `<g><title>${share}</title><rect x="${x.toFixed(1)}" y="${y}" width="${Math.max(0.3, width - 0.5).toFixed(1)}" height="${ROW - 1}" fill="${colour(node.name)}"/>`,
      shown && `<text x="${(x + 3).toFixed(1)}" y="${y + 13}">${escaped(shown)}</text>`,
      '</g>',
    );
    let at = x;
    for (const child of [...node.children.values()].sort((a, b) => b.samples - a.samples)) {
      draw(child, at, level + 1);
      at += (child.samples / root.samples) * WIDTH;
    }
  };
  draw(root, 0, 0);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}">`,
    '<style>text{font:11px ui-monospace,monospace;fill:#111}.h{font:14px system-ui,sans-serif}</style>',
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text class="h" x="8" y="24">${escaped(title)}: ${root.samples} samples</text>`,
    parts.filter(Boolean).join(''),
    '</svg>\n',
  ].join('\n');
}
