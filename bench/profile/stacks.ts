/** How often each stack was seen, from its bottom to its top. */
export type Stacks = Map<string, { readonly frames: readonly string[]; samples: number }>;

/** Frames below this one are those of the bench. */
const BOTTOM = 'turn engine.js';

/**
 * What a frame is called: of JavaScript the function and its file, of native code the function without its parameters.
 * `JS:*turn file:///…/engine.js:185:9` is optimized code of the function `turn`.
 */
export function frameName(symbol: string): string {
  const script = /^(?:JS|LazyCompile|Function|Script|Eval):[~^*+-]?(\S*) (?:\S*\/)?([^/\s:]+):\d+:\d+$/.exec(symbol);
  if (script) return `${script[1] || '(anonymous)'} ${script[2]}`;
  return symbol.replace(/\(anonymous namespace\)::/g, '').replace(/^(?:Builtin|BytecodeHandler):/, '');
}

/** Reads `perf script -F comm,ip,sym`: a sample is a line that names the process, its frames from the top, and an empty line. */
export function readPerf(text: string): Stacks {
  const stacks: Stacks = new Map();
  for (const sample of text.split('\n\n')) {
    const frames = sample
      .split('\n')
      .flatMap((line) => {
        const frame = /^\s+[0-9a-f]+ (.+)$/.exec(line);
        return frame ? [frameName(frame[1]!)] : [];
      })
      .reverse();
    const bottom = frames.indexOf(BOTTOM);
    if (bottom < 0) continue;
    const shown = frames.slice(bottom);
    const key = shown.join(';');
    const known = stacks.get(key);
    if (known) known.samples++;
    else stacks.set(key, { frames: shown, samples: 1 });
  }
  return stacks;
}
