import { connectSets, type Mention } from './connect.js';
import type { Diagnostics, Position } from './diagnostics.js';
import { checkFormals } from './formals.js';
import type { ReadOptions } from './read.js';
import { Classes, type Reference, Scope } from './scope.js';
import { suggestion } from './suggest.js';
import type { ClassSyntax, CompoundSyntax, ElementSyntax, OverloadSyntax, Statement } from './syntax.js';
import { newTemplate, type Template, type Type } from './template.js';
import type { Text } from './text.js';

const NO_CONFIG: Text = { text: '', marks: [] };

/** A file's template, and the packages it requires. */
export interface Elaborated {
  template: Template;
  requirements: { type: string; value: string }[];
}

/** Looks up the names in a file. `skipped` are names that are not missed, because a syntax error may have hidden them. */
export function elaborate(
  statements: Statement[],
  position: Position,
  options: ReadOptions,
  diagnostics: Diagnostics,
  skipped: ReadonlySet<string>,
): Elaborated {
  return new Elaborator(position, options, diagnostics, skipped).file(statements);
}

class Elaborator {
  readonly #options: ReadOptions;
  readonly #diagnostics: Diagnostics;
  readonly #skipped: ReadonlySet<string>;
  readonly #requirements: Elaborated['requirements'] = [];
  /** Syntax errors so far: a group may have lost a part. */
  readonly #damaged: boolean;
  #scope: Scope;

  constructor(position: Position, options: ReadOptions, diagnostics: Diagnostics, skipped: ReadonlySet<string>) {
    this.#options = options;
    this.#diagnostics = diagnostics;
    this.#skipped = skipped;
    this.#damaged = diagnostics.errors > 0;
    this.#scope = new Scope(newTemplate('', position, 0, []), new Classes(options));
  }

  file(statements: Statement[]): Elaborated {
    this.#statements(statements);
    this.#scope.nameAnonymous();
    return { template: this.#scope.template, requirements: this.#requirements };
  }

  #statements(statements: Statement[]): void {
    for (const statement of statements) {
      switch (statement.kind) {
        case 'connection':
          this.#connection(statement);
          break;
        case 'elementclass':
          this.#scope.classes.define(statement.name, this.#class(statement.definition, statement.name));
          break;
        case 'define':
          this.#define(statement.name, statement.value, statement.position);
          break;
        case 'require':
          this.#requirements.push({ type: statement.type, value: statement.value });
          break;
        case 'library':
          this.#statements(statement.statements);
          break;
      }
    }
  }

  #define(name: string, value: string, position: Position): void {
    const { defines, formals } = this.#scope.template;
    if (defines.has(name) || formals.some((formal) => formal.name === name))
      this.#diagnostics.error(position, `parameter '$${name}' multiply defined`);
    else defines.set(name, value);
  }

  #connection({ sets, arrows }: Statement & { kind: 'connection' }): void {
    let before: Mention[] = [];
    sets.forEach((set, i) => {
      const mentions = this.#mentions(set, i === 0 && arrows.length === 0);
      const arrow = i > 0 ? arrows[i - 1] : undefined;
      if (arrow) connectSets(this.#scope, before, mentions, arrow, this.#diagnostics);
      else this.#useless(mentions, 'inputs', 'input ports ignored at start of chain');
      before = mentions;
    });
    this.#useless(before, 'outputs', 'output ports ignored at end of chain');
  }

  #useless(mentions: Mention[], side: 'inputs' | 'outputs', message: string): void {
    const mention = mentions.find(({ syntax, reference }) => syntax[side] ?? (!this.#damaged && reference[side]));
    if (mention) this.#diagnostics.error(mention.syntax[side]?.position ?? mention.syntax.position, message);
  }

  /** `alone` stands for a statement without connections: there `a, b :: C(x)` declares both. */
  #mentions(set: ElementSyntax[], alone: boolean): Mention[] {
    const last = set.at(-1)!;
    const bare = ({ subject, declared, config }: ElementSyntax) => subject.kind === 'name' && !declared && !config;
    const plain = ({ inputs, outputs, subject }: ElementSyntax) => !inputs && !outputs && subject.kind !== 'implied';
    const shared = alone && last.declared && set.length > 1 && set.every(plain) && set.slice(0, -1).every(bare);
    const type = shared ? this.#class(last.declared!, '') : undefined;
    const whole = set.map((syntax) => (type && last.config ? { ...syntax, config: last.config } : syntax));
    // Groups first: what they declare, the whole set may use.
    const groups = whole.map((syntax) =>
      syntax.subject.kind === 'group' ? this.#element(syntax, undefined) : undefined,
    );
    return whole.map((syntax, i) => ({ syntax, reference: groups[i] ?? this.#element(syntax, type) }));
  }

  #element(syntax: ElementSyntax, shared: Type | undefined): Reference {
    const { subject, position } = syntax;
    switch (subject.kind) {
      case 'compound':
        return this.#anonymous('', this.#compound(subject.definition, ''), syntax);
      case 'group':
        return this.#group(subject.statements, syntax);
      case 'implied':
        return this.#scope.elements.get(subject.name)!;
    }
    const { name } = subject;
    const type = this.#scope.classes.find(name);
    if (type) {
      if (shared || syntax.declared) this.#diagnostics.error(position, `class '${name}' used as element name`);
      return this.#anonymous(name, type, syntax);
    }
    const declared = shared ?? (syntax.declared && this.#class(syntax.declared, ''));
    const known = this.#scope.elements.get(name);
    if (!known || (known.undeclared && declared)) return this.#declare(name, declared, syntax);
    if (declared) this.#redeclared(known, position);
    if (syntax.config && !declared && !known.undeclared)
      this.#diagnostics.error(position, 'configuration string ignored on element reference');
    return known;
  }

  #redeclared(known: Reference, position: Position): void {
    this.#diagnostics.error(position, `redeclaration of element '${known.name}'`);
    if (!known.owner) this.#diagnostics.error(known.position, `element '${known.name}' previously declared here`);
  }

  #declare(name: string, declared: Type | undefined, syntax: ElementSyntax): Reference {
    const { position } = syntax;
    if (!declared && !this.#skipped.has(name)) {
      const full = this.#diagnostics.full;
      const names = full ? [] : [...this.#scope.elements.keys(), ...this.#scope.classes.names()];
      this.#diagnostics.error(position, `undeclared element '${name}'${suggestion(name, names)}`);
    }
    if (declared && /(?:^|\/)\d+(?:\/|$)/.test(name))
      this.#diagnostics.error(position, `element name '${name}' has all-digit component`);
    const type = declared ?? { kind: 'unknown', name };
    const before = this.#scope.elements.get(name);
    if (before?.undeclared && before.input !== undefined) {
      // A declaration after the use: the use has been reported, the element is whole again.
      Object.assign(this.#scope.template.nodes[before.input]!, { type, config: syntax.config ?? NO_CONFIG, position });
      Object.assign(before, { type, position, undeclared: false });
      return before;
    }
    const node = this.#scope.addNode(name, type, syntax.config ?? NO_CONFIG, position);
    const reference: Reference = { name, input: node, output: node, position, type, undeclared: !declared };
    this.#scope.elements.set(name, reference);
    return reference;
  }

  #anonymous(className: string, type: Type, { config, position }: ElementSyntax): Reference {
    const node = this.#scope.addAnonymous(className, type, config ?? NO_CONFIG, position);
    return { name: className || 'anonymous compound', input: node, output: node, position, type };
  }

  /** A group shares the scope around it, but for the names `input` and `output`. */
  #group(statements: Statement[], { position, config }: ElementSyntax): Reference {
    const scope = this.#scope;
    const name = '<anonymous group>';
    const input = scope.addPassage('input', position);
    const output = scope.addPassage('output', position);
    scope.countGroup();
    const outer = [scope.elements.get('input'), scope.elements.get('output')];
    this.#pseudoelements(name, input, output, position);
    this.#statements(statements);
    const before = this.#diagnostics.errors;
    const ports = this.#countPorts(name, input, output, position);
    // With a port missing, the others are not all meant.
    const complete = this.#diagnostics.errors === before;
    ['input', 'output'].forEach((pseudo, i) => {
      if (outer[i]) scope.elements.set(pseudo, outer[i]);
      else scope.elements.delete(pseudo);
    });
    if (config) this.#diagnostics.error(position, 'configuration string ignored on element reference');
    return { name, input, output, position, type: undefined, ...(complete ? ports : {}) };
  }

  #pseudoelements(owner: string, input: number, output: number, position: Position): void {
    const { elements } = this.#scope;
    const common = { position, owner, type: undefined };
    elements.set('input', { ...common, name: 'input', input: undefined, output: input });
    elements.set('output', { ...common, name: 'output', input: output, output: undefined });
  }

  #countPorts(name: string, input: number, output: number, position: Position): { inputs: number; outputs: number } {
    const inputs = this.#scope.portsOf(input);
    const outputs = this.#scope.portsOf(output);
    for (const port of inputs.missing) this.#diagnostics.error(position, `'${name}' input ${port} missing`);
    for (const port of outputs.missing) this.#diagnostics.error(position, `'${name}' output ${port} missing`);
    return { inputs: inputs.count, outputs: outputs.count };
  }

  #class(syntax: ClassSyntax, name: string): Type {
    if (syntax.kind === 'missing') return { kind: 'unknown', name };
    if (syntax.kind === 'compound') return this.#compound(syntax, name);
    return this.#scope.classes.require(syntax.name, syntax.position, this.#diagnostics);
  }

  #compound(syntax: CompoundSyntax, name: string): Type {
    let next: Type | undefined;
    if (syntax.extends) {
      next = this.#scope.classes.find(name);
      if (!next) this.#diagnostics.error(syntax.position, `cannot extend unknown element class '${name}'`);
      next ??= { kind: 'unknown', name };
    }
    const templates = syntax.overloads.map((overload) => this.#overload(overload, name));
    for (const template of templates.reverse()) {
      template.next = next;
      next = { kind: 'compound', template };
    }
    return next ?? { kind: 'unknown', name };
  }

  #overload({ position, formals, statements }: OverloadSyntax, name: string): Template {
    const outer = this.#scope;
    const template = newTemplate(name, position, outer.template.depth + 1, checkFormals(formals, this.#diagnostics));
    this.#scope = new Scope(template, new Classes(this.#options, outer.classes));
    const input = this.#scope.addPassage('input', position);
    const output = this.#scope.addPassage('output', position);
    const printable = name || '<anonymous>';
    this.#pseudoelements(printable, input, output, position);
    this.#statements(statements);
    Object.assign(template, this.#countPorts(printable, input, output, position));
    this.#scope.nameAnonymous();
    this.#scope = outer;
    return template;
  }
}
