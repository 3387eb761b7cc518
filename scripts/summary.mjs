// Reads the TAP of a run: shows failures and skipped tests, and prints the closing line. Exits 1 if anything failed.
// usage: node scripts/summary.mjs TAP-FILE EXIT-STATUS CHECKS BROKEN-CHECKS
import { readFileSync } from 'node:fs';

const [file, status, checks, broken] = process.argv.slice(2);
const lines = readFileSync(file, 'utf8').split('\n');
const totals = { total: 0, pass: 0, fail: 0, skip: 0, todo: 0 };
for (const line of lines) {
  if (!line.startsWith('# {')) continue;
  for (const [, name, count] of line.matchAll(/(\w+): (\d+)/g)) totals[name] = Number(count);
}

for (const [i, line] of lines.entries()) {
  if (/^\s*not ok /.test(line) && !/# (TODO|SKIP)/i.test(line)) {
    const indent = line.search(/\S/);
    let end = i + 1;
    while (end < lines.length && end < i + 40 && (lines[end].trim() === '' || lines[end].search(/\S/) > indent)) end++;
    console.log(lines.slice(i, end).join('\n'));
  }
}
const skipped = lines.filter((line) => /^\s*ok .*# SKIP/i.test(line));
for (const line of skipped) console.log(`SKIPPED: ${line.trim()}`);

const passed = totals.pass + Number(checks) - Number(broken);
const failed = totals.fail + Number(broken);
if (status !== '0' && failed === 0) console.log(`the test runner ended with status ${status}`);
console.log(`${passed} passed, ${failed + (status !== '0' && failed === 0 ? 1 : 0)} failed, ${totals.skip} skipped`);
process.exitCode = status === '0' && failed === 0 && passed > 0 ? 0 : 1;
