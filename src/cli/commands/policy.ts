import { Command, InvalidArgumentError, Option } from 'commander';
import { Failure } from '../../control/failure.js';
import { forwards } from '../../farm/policy/actions.js';
import { describeCeiling } from '../../farm/policy/ceiling.js';
import { describeOutcome, describeTrial, explain, type Question } from '../../farm/policy/explain.js';
import { type Ceiling, type Policy, PolicyError, readPolicy } from '../../farm/policy/policy.js';
import { quoted } from '../../farm/policy/quoted.js';
import { Replayer } from '../../farm/policy/replay.js';
import { UNIVERSE_KINDS, type UniverseKind } from '../../farm/universes.js';
import { type Prefix, parseAddress, parsePrefix } from '../../packet/address.js';
import { describeReplay } from '../replayed.js';
import { tableText } from '../text-table.js';

/** @throws {Failure} with all that is wrong in the file */
function load(file: string): Policy {
  try {
    return readPolicy(file);
  } catch (error) {
    if (error instanceof PolicyError) throw new Failure(error.message);
    throw error;
  }
}

function printCeiling(ceiling: Ceiling): void {
  const { place } = ceiling;
  console.log(`what may ever leave${place === 'default' ? '' : `, by ${place}`}:`);
  for (const line of describeCeiling(ceiling)) console.log(`  ${line}`);
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It takes a whole number from 0.');
  return Number(text);
}

function address(text: string): number {
  const value = parseAddress(text);
  if (value === undefined) throw new InvalidArgumentError('It takes an IPv4 address such as 198.51.100.7.');
  return value;
}

function bytes(text: string): Uint8Array {
  const value = /^0x(?:[0-9a-f]{2})+$/i.test(text) ? Buffer.from(text.slice(2), 'hex') : quoted(`"${text}"`);
  if (!value || value.length > 1024) throw new InvalidArgumentError('It takes a text, or bytes such as 0x474554.');
  return value;
}

function prefix(text: string, before: readonly Prefix[] = []): readonly Prefix[] {
  const value = parsePrefix(text);
  if (!value) throw new InvalidArgumentError('It takes a prefix such as 10.99.0.0/16.');
  return [...before, value];
}

function check(): Command {
  return new Command('check')
    .summary('says what is wrong with a policy')
    .description(
      'Reads a policy and what it includes. What is wrong is printed as file:line:column: message, and the exit status is 1.',
    )
    .argument('<file>', 'a policy')
    .addHelpText('after', '\nExample:\n  potemkin policy check config/policies/honeywall.policy')
    .action((file: string) => {
      const { rules, sets, warnings, ceiling } = load(file);
      for (const warning of warnings) console.error(`${warning} (warning)`);
      const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`;
      console.log(`${file}: ${count(rules.length, 'rule')}, ${count(sets, 'named set')}, nothing wrong`);
      printCeiling(ceiling);
    });
}

interface ExplainOptions extends Omit<Question, 'way' | 'kind' | 'contacted' | 'image'> {
  readonly reply?: true;
  readonly answer?: true;
  readonly universe: UniverseKind;
  readonly image?: string;
  readonly reflected?: true;
  readonly toClone: boolean;
}

function explainCommand(): Command {
  return new Command('explain')
    .summary('says which rule of a policy decides about a packet, and why those before it do not')
    .description(
      'Says which rule decides about a packet that a clone sends, and why the rules before it do not match. Without other options it is the first packet of a flow that a clone begins which was contacted from outside.',
    )
    .argument('<file>', 'a policy')
    .requiredOption('--packet <text>', "'PROTO SOURCE:PORT > DESTINATION:PORT', and for TCP flags such as 'syn ack'")
    .option('--reply', 'it answers a flow that was opened from outside')
    .option('--answer', 'it answers a flow that another clone began')
    .addOption(new Option('--universe <kind>', 'kind of the universe').choices(UNIVERSE_KINDS).default('closed'))
    .option('--depth <n>', 'depth of the universe', wholeNumber, 1)
    .option('--reflected', 'another clone reached the sender; it was not contacted from outside')
    .option('--image <name>', 'image of the sender')
    .option('--originator <address>', 'who sent the packet that began the universe', address, 0)
    .option('--to-clone', 'the destination is an address that a clone of the universe has', false)
    .option('--name <name>', 'the name that the clone looked up to find the destination')
    .option('--age <seconds>', 'seconds since the flow was opened', wholeNumber, 0)
    .option('--payload <bytes>', 'what the packet carries: a text, or 0x and hexadecimal', bytes, new Uint8Array(0))
    .addHelpText(
      'after',
      `
Examples:
  potemkin policy explain config/policies/honeywall.policy --packet 'tcp 10.99.1.2:4444 > 198.51.100.7:25'
  potemkin policy explain config/policies/reflect.policy --reply --packet 'udp 10.99.1.2:53 > 198.51.100.7:4444'`,
    )
    .action((file: string, { reply, answer, universe, reflected, image, ...rest }: ExplainOptions) => {
      if (reply && answer) throw new Failure('--reply and --answer: it can be one of them');
      const policy = load(file);
      const way = reply ? 'reply' : answer ? 'answer' : 'begun';
      let trials: ReturnType<typeof explain>;
      try {
        trials = explain(policy, { ...rest, way, kind: universe, contacted: !reflected, image });
      } catch (error) {
        throw new Failure(`--packet: ${(error as Error).message}`);
      }
      process.stdout.write(tableText(trials.map((trial) => describeTrial(trial).split('\t'))));
      const { action } = trials.at(-1)!.rule;
      console.log(['', ...describeOutcome(action)].join('\n'));
      if (!forwards(action)) return;
      console.log();
      printCeiling(policy.ceiling);
    });
}

function replay(): Command {
  return new Command('replay')
    .summary('says what a policy would have done with a capture')
    .description(
      `Holds a capture against a policy: counts for each rule, and what would have left. Packets from an inside address are taken for those of a clone, packets to one for those of the Internet; each inside address is one clone in a universe of its own. GRE is taken off. Quotas count in the capture's own time.`,
    )
    .argument('<file>', 'a policy')
    .requiredOption('--pcap <capture>', 'pcap or pcapng')
    .option('--inside <prefix>', 'addresses that are clones; may be given again (default: 10.99.0.0/16)', prefix)
    .addHelpText(
      'after',
      '\nExample:\n  potemkin policy replay config/policies/honeywall.policy --pcap day.pcap --inside 10.99.0.0/16',
    )
    .action((file: string, { pcap, inside }: { pcap: string; inside?: readonly Prefix[] }) => {
      const policy = load(file);
      const replayer = new Replayer(policy, inside ?? [parsePrefix('10.99.0.0/16')!]);
      try {
        replayer.play(pcap);
      } catch (error) {
        throw new Failure((error as Error).message);
      }
      process.stdout.write(describeReplay(policy, replayer));
    });
}

/** potemkin policy: checks, explains and tries export policies. */
export function policy(): Command {
  return new Command('policy')
    .summary('checks, explains and tries export policies')
    .description(
      'Checks an export policy, explains what it decides, or tries it on a capture. The language: docs/policy.md.',
    )
    .addCommand(check())
    .addCommand(explainCommand())
    .addCommand(replay())
    .addHelpText(
      'after',
      `
Examples:
  potemkin policy check config/policies/honeywall.policy
  potemkin policy explain config/policies/honeywall.policy --packet 'tcp 10.99.1.2:4444 > 198.51.100.7:25'
  potemkin policy replay config/policies/honeywall.policy --pcap day.pcap`,
    );
}
