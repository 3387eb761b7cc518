/** What one size costs: figures by name, each with its unit in SCALE. */
export type Costs = Readonly<Record<string, number>>;

/** JavaScript's heap, in bytes, without garbage. */
export function heapUsed(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

/** Numbers below `limit` in an order that no cache could like: all of them, each once, if `limit` and the step have no divisor in common. */
export function scattered(limit: number): (i: number) => number {
  let step = Math.floor(limit * 0.618_034) | 1;
  while (divisor(step, limit) !== 1) step += 2;
  // The product may be beyond what 53 bits hold.
  return (i) => Number((BigInt(i) * BigInt(step)) % BigInt(limit));
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}
