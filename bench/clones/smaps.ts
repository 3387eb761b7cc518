/** What a machine's memory is for. */
export const KINDS = ['guest', 'code', 'heap', 'anonymous', 'libraries', 'other'] as const;
export type Kind = (typeof KINDS)[number];

function kindOf(permissions: string, path: string): Kind {
  if (path.startsWith('/memfd:')) return 'guest';
  if (path === '[heap]') return 'heap';
  if (path === '') return permissions.includes('x') ? 'code' : 'anonymous';
  return path.startsWith('/') ? 'libraries' : 'other';
}

/**
 * Bytes that nobody else has, by what they are for, from the text of /proc/PID/smaps: pages of the guest; code that was
 * translated for it; the heap; other memory without a name, which is heaps of threads, large tables and stacks; data of the program
 * and of libraries that was written when they were loaded; all else.
 */
export function privateMemory(smaps: string): Record<Kind, number> {
  const found = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>;
  let kind: Kind = 'other';
  for (const line of smaps.split('\n')) {
    const mapping = /^[0-9a-f]+-[0-9a-f]+ (\S+) \S+ \S+ \d+ *(.*)$/.exec(line);
    if (mapping) kind = kindOf(mapping[1]!, mapping[2]!);
    const figure = /^(?:Private_Clean|Private_Dirty|Swap): +(\d+) kB$/.exec(line);
    if (figure) found[kind] += Number(figure[1]) * 1024;
  }
  return found;
}
