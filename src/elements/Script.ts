import { unquote } from '../pipeline/click/quote.js';
import { Element } from '../pipeline/element.js';
import { Printer } from '../pipeline/printer.js';
import { expand, isTrue, type Sources } from '../pipeline/script/expand.js';
import { checkScript, type Instruction, parseInstruction } from '../pipeline/script/instructions.js';
import type { Spec } from '../pipeline/spec.js';
import { choice, custom, rest, seconds } from '../pipeline/values.js';

const time = seconds(undefined, '');

const instruction = custom(
  'instruction',
  undefined,
  'What to do, one after the other.',
  (text) => {
    const parsed = parseInstruction(text);
    if (parsed.verb === 'wait' && !parsed.name.includes('$')) time.parse(parsed.name, { folder: '.' });
    return parsed;
  },
  ({ verb, name, text }: Instruction) => [verb, name, text].filter(Boolean).join(' '),
);

const spec = {
  summary: 'reads and writes handlers by a script',
  inputs: {},
  outputs: {},
  config: {
    instructions: rest(instruction),
    type: choice(
      ['ACTIVE', 'PASSIVE'],
      'ACTIVE',
      'ACTIVE scripts start with the graph, PASSIVE ones by the run handler.',
    ),
  },
  validate: ({ instructions }) => checkScript(instructions as readonly Instruction[]),
  drops: {},
  handlers: {
    step: { write: 'goes on after a pause or a wait; with a number, after so many' },
    run: { read: 'runs it from the start; the value that it returns', write: 'runs it from the start' },
  },
} as const satisfies Spec;

/** Jumps made in one go before the script is taken to hang. */
const JUMPS = 1000;

/**
 * Instructions: `set VAR TEXT`, `print TEXT` (or a handler, to standard output), `printn`, `read HANDLER` (to standard
 * error), `write HANDLER TEXT`, `wait TIME`, `pause [COUNT]` (until step was written so often; `pause 1s` is `wait 1s`), `label L`,
 * `goto L [CONDITION]`, `loop`, `end`, `return TEXT`, `error TEXT`, and `stop`, which ends the run.
 *
 * In texts `$VAR` is a variable and `$(HANDLER)` what a handler reads; `$(add 1 2)`, sub, mul, div, idiv, mod, eq, ne, lt, gt, le, ge
 * and not calculate. A handler that fails is reported, and the script goes on; one that jumps 1000 times without waiting is ended.
 * This is the part of Click's Script that graphs use; signals and driver scripts are left to the command line.
 *
 * @example
 *   FromDump(in.pcap) -> c :: Counter -> Discard;
 *   Script(wait 1s, print c.count, write c.reset, loop);
 */
export class Script extends Element<typeof spec> {
  static readonly spec = spec;
  private readonly printer = this.services.shared(Printer);
  private readonly variables = new Map<string, string>();
  private readonly sources: Sources = {
    variable: (name) => this.variables.get(name),
    handler: (name) => this.services.handlers.read(name),
  };
  private at = 0;
  /** How often `step` must be written before it goes on; 0 while it does not wait. */
  private steps = 0;
  private result = '';
  private cancel: (() => void) | undefined;

  override start(): void {
    // Handlers of other elements may need these to have started.
    if (this.config.type === 'ACTIVE') this.waitFor(0);
  }

  override stop(): void {
    this.cancel?.();
  }

  private restart(): void {
    this.cancel?.();
    this.at = this.steps = 0;
    this.result = '';
    this.proceed();
  }

  /** Runs instructions until one has to wait, or the script ends. */
  private proceed(): void {
    const { instructions } = this.config;
    this.steps = 0;
    for (let jumps = 0; this.steps === 0 && this.at < instructions.length; ) {
      const { verb, name, text } = instructions[this.at++]!;
      if (verb === 'goto' || verb === 'loop') jumps++;
      try {
        if (jumps > JUMPS) {
          this.at = instructions.length;
          throw new Error(`it jumped ${JUMPS} times without waiting`);
        }
        this.execute({ verb, name, text });
      } catch (error) {
        this.variables.set('?', '1');
        this.services.event({ kind: 'error', element: this.name, message: (error as Error).message });
      }
    }
  }

  private execute({ verb, name, text }: Instruction): void {
    const { handlers } = this.services;
    const value = () => expand(text, this.sources);
    switch (verb) {
      case 'set':
        this.variables.set(name, value());
        return;
      case 'print':
      case 'printn': {
        const shown = /^[A-Za-z@_]/.test(text) ? handlers.read(text) : unquote(value());
        this.printer.print(verb === 'print' && !shown.endsWith('\n') ? `${shown}\n` : shown);
        return;
      }
      case 'read':
        this.printer.line(`${name}:\n${handlers.read(name)}`);
        return;
      case 'write':
        handlers.write(name, value());
        this.variables.set('?', '0');
        return;
      case 'wait':
        this.waitFor(time.parse(expand(name, this.sources), { folder: '.' }));
        return;
      case 'pause':
        this.steps = Math.max(1, Number(name || 1) || 1);
        return;
      case 'goto':
        if (text === '' || isTrue(value())) this.jump(name);
        return;
      case 'loop':
        this.at = 0;
        return;
      case 'label':
        return;
      case 'stop':
        this.jump('end');
        handlers.write('stop', '');
        return;
      case 'return':
        this.result = value();
        this.jump('end');
        return;
      case 'error':
        this.jump('end');
        throw new Error(unquote(value()) || 'the script says so');
      default:
        this.jump('end');
    }
  }

  private jump(label: string): void {
    const { instructions } = this.config;
    const found = instructions.findIndex(({ verb, name }) => verb === 'label' && name === label);
    this.at = found >= 0 ? found : label === 'begin' ? 0 : instructions.length;
    if (label === 'error') throw new Error('the script says so');
  }

  private waitFor(time: number): void {
    this.steps = 1;
    this.cancel?.();
    this.cancel = this.services.clock.after(time, () => this.proceed());
  }

  override handlers() {
    return {
      step: {
        write: (text: string) => {
          const count = Number(text.trim() || 1);
          if (!(Number.isInteger(count) && count >= 1)) throw new Error(`expected a number of steps, not '${text}'`);
          for (let i = 0; i < count && this.steps > 0; i++) {
            if (--this.steps > 0) continue;
            this.cancel?.();
            this.proceed();
          }
        },
      },
      run: {
        read: () => {
          this.restart();
          return this.result;
        },
        write: () => this.restart(),
      },
    };
  }
}
