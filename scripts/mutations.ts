/** Tries every broken build of test/property/containment/mutations.ts; fails if one is not found out. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OTHERS, SEEDED, test } from '../test/property/containment/mutations.js';

const cases = Number(process.env['POTEMKIN_CASES'] ?? 150_000);
const wanted = process.argv[2] ?? '';
const folder = mkdtempSync(join(tmpdir(), 'potemkin-mutations-'));
let missed = 0;
try {
  for (const [number, mutation] of [...SEEDED, ...OTHERS].entries()) {
    if (!mutation.name.includes(wanted)) continue;
    const said = await test(join(folder, String(number)), mutation, cases);
    const caught = said !== undefined && mutation.says.test(said);
    if (!caught) missed++;
    console.log(`${caught ? 'caught' : 'MISSED'}: ${mutation.name}\n  ${said?.slice(0, 160) ?? 'nothing was wrong'}`);
    rmSync(join(folder, String(number)), { recursive: true });
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = missed > 0 ? 1 : 0;
