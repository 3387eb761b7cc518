/**
 * Deliberately broken builds, which the property test must find out: each changes a text of the compiled gateway that is there
 * exactly once.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

interface Change {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export interface Mutation {
  readonly name: string;
  readonly changes: readonly Change[];
  /** What the test must say of it. */
  readonly says: RegExp;
}

const mutation = (name: string, says: RegExp, file: string, from: string, to: string): Mutation => ({
  name,
  says,
  changes: [{ file, from, to }],
});

const QUOTA = /beyond the quota/;
/** It leaves by a rule that is not the one, or as one more than that lets out. */
const WRONG = /no rule of .* licenses it|beyond the quota/;

/** Those that the test must catch in any case. */
export const SEEDED: readonly Mutation[] = [
  mutation(
    'the spoof check is skipped',
    // Or it leaves by what was decided because of one.
    /a forged source leaves|comes from another address|refuses what nobody has sent|no rule of .* licenses it|beyond the quota/,
    'farm/outbound.js',
    'packets.view.getUint32(packets.start[row] + 12) !== clone.address',
    'false',
  ),
  mutation(
    'the test for replies is reversed',
    WRONG,
    'farm/policy/facts.js',
    'return (flowState & bits) === bits;',
    'return (flowState & bits) !== bits;',
  ),
  mutation(
    'a quota is off by one',
    QUOTA,
    'farm/policy/meter.js',
    'return count + amount <= this.most;',
    'return count + amount <= this.most + 1;',
  ),
];

export const OTHERS: readonly Mutation[] = [
  mutation(
    'a quota of destinations is off by one',
    QUOTA,
    'farm/policy/meter.js',
    'return count < this.most ||',
    'return count <= this.most ||',
  ),
  mutation(
    'packets of flows that go on are not counted',
    QUOTA,
    'farm/policy/judge.js',
    'if (!step.metered || this.paid[row] !== 0)',
    'if (true)',
  ),
  mutation(
    'what is counted together is counted for none',
    QUOTA,
    'farm/policy/counters.js',
    'native.tally(this.packets.bytes, batch.rows, batch.count, now, paid, ...parts);',
    'for (let i = 0; i < batch.count; i++)\n            paid[batch.rows[i]] = 1;',
  ),
  mutation(
    'limits begin anew when a policy is read again',
    QUOTA,
    'farm/policy/steps.js',
    'const made = before.get(name) ?? new Meter(limit);',
    'const made = new Meter(limit);',
  ),
  mutation(
    'flows of another universe are let out',
    /share a conversation|beyond the quota/,
    'farm/policy/exit.js',
    'if (state & FLOW.collides)',
    'if (false)',
  ),
  mutation(
    'IP options are let out',
    /IP options/,
    'farm/policy/exit.js',
    'if (packets.ipHeader[row] > 20)',
    'if (false)',
  ),
  {
    name: 'a clone that only clones have reached begins what leaves',
    says: WRONG,
    changes: [
      { file: 'farm/policy/departure.js', from: 'if (clone?.parent || !clone)', to: 'if (false)' },
      { file: 'farm/policy/judge.js', from: 'isBorrowed(facts, sender) &&', to: 'false &&' },
    ],
  },
  mutation(
    'a decision outlives its policy',
    WRONG,
    'farm/policy/judge.js',
    'this.number = this.numbers.next(this.steps.all);',
    'this.number ||= this.numbers.next(this.steps.all);',
  ),
  mutation(
    'a flow is not decided anew with its first payload',
    WRONG,
    'farm/policy/judge.js',
    'if (decision & EARLY && this.hasPayload(row))',
    'if (false)',
  ),
  mutation(
    'a flow is not decided anew when it grows old',
    WRONG,
    'farm/policy/judge.js',
    'if (policy.ages.length > 0 &&',
    'if (false &&',
  ),
  mutation(
    'the last rule decides instead of the first',
    WRONG,
    'farm/policy/rule-index.js',
    'const number = word * 32 + 31 - Math.clz32(rules & -rules);',
    'const number = word * 32 + 31 - Math.clz32(rules);',
  ),
  mutation(
    'decisions of a turn are kept for the next',
    WRONG,
    'farm/policy/judge.js',
    '    settle() {\n        this.fresh.clear();',
    '    settle() {',
  ),
  mutation('a ceiling can be raised', /a ceiling is raised/, 'farm/policy/in-force.js', '(more &&', '(undefined &&'),
  {
    name: 'the kill switch is not looked at',
    says: /export is stopped/,
    changes: [
      {
        file: 'farm/policy/departure.js',
        from: 'this.stopped = this.options.killSwitch.stopped;',
        to: 'this.stopped = false;',
      },
      { file: 'pipeline/link.js', from: 'if (gate?.killSwitch.stopped)', to: 'if (false)' },
    ],
  },
  mutation(
    'a group of hosts is taken for a host',
    /it is for nobody/,
    'elements/GreTunnel.js',
    'first < 224 &&',
    'first < 256 &&',
  ),
  mutation(
    'sources are taken for pairs',
    /nothing to do with its universe/,
    'elements/UniverseTagger.js',
    'KEY_BY[by]',
    "KEY_BY[by === 'pair' ? 'source' : by]",
  ),
  mutation(
    'clones of another farm are taken for one’s own',
    /for another address|comes from universe|second clone/,
    'farm/roster.js',
    'return this.ids.next(this.clones);',
    'return (this.last = (this.last ?? 0) + 1) % 3 || 3;',
  ),
];

/** A file of the compiled gateway with a change. @throws Error if its text is not there exactly once */
function changed(root: string, name: string, { file, from, to }: Change): string {
  const text = readFileSync(join(root, 'dist/src', file), 'utf8');
  const found = text.split(from).length - 1;
  if (found !== 1) throw new Error(`${name}: '${from}' is ${found} times in ${file}, and not once`);
  return text.replace(from, () => to);
}

/** Whether a mutation is about the code as it is. @throws Error if it is not */
export function check({ name, changes }: Mutation): void {
  for (const change of changes) changed('.', name, change);
}

/** The compiled gateway and the test, as they are but for a mutation. */
function build(folder: string, { name, changes }: Mutation): void {
  const root = resolve('.');
  mkdirSync(folder, { recursive: true });
  for (const part of ['src', 'test/property', 'test/unit'])
    cpSync(join(root, 'dist', part), join(folder, 'dist', part), { recursive: true });
  for (const link of ['node_modules', 'build', 'package.json', 'config'])
    symlinkSync(join(root, link), join(folder, link));
  for (const change of changes) writeFileSync(join(folder, 'dist/src', change.file), changed(folder, name, change));
}

/** Runs the property test against a broken build. @returns what it says was wrong, undefined if nothing */
export async function test(folder: string, mutation: Mutation, cases: number): Promise<string | undefined> {
  build(folder, mutation);
  const env = { ...process.env, POTEMKIN_CASES: String(cases), POTEMKIN_SEED: '1', POTEMKIN_SHRINK: 'no', TAP: '1' };
  const child = spawn(process.execPath, ['dist/test/property/containment.test.js'], {
    cwd: folder,
    env,
    stdio: 'pipe',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const code = await new Promise<number | null>((done) => child.on('close', done));
  if (code === 0) return undefined;
  return /^ *# (?!Subtest)(.*)$/m.exec(output)?.[1] ?? output.slice(-2000);
}
