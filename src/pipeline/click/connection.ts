import { parsePorts } from './ports.js';
import type { Reading } from './reading.js';
import type { Arrow, ClassSyntax, CompoundSyntax, ElementSyntax, Statement } from './syntax.js';
import type { Tokens } from './tokens.js';

/** Where a connection stands, and what reads the compounds and groups in it. */
export interface Surroundings {
  /** Inside a compound or group, where `input` and `output` are implied. */
  nested(): boolean;
  compound(): CompoundSyntax;
  group(): Statement[];
}

export class ConnectionParser {
  readonly #tokens: Tokens;
  readonly #reading: Reading;
  readonly #around: Surroundings;

  constructor(tokens: Tokens, reading: Reading, around: Surroundings) {
    this.#tokens = tokens;
    this.#reading = reading;
    this.#around = around;
  }

  /** A chain of sets of elements, which may be one set alone: then it declares or only mentions them. */
  parse(afterOutput: boolean): (Statement & { kind: 'connection' }) | undefined {
    const sets: ElementSyntax[][] = [];
    const arrows: Arrow[] = [];
    for (;;) {
      const set = this.#set(sets.length === 0, afterOutput);
      if (set.length === 0) break;
      sets.push(set);
      const token = this.#tokens.peek();
      if (token.kind !== '->' && token.kind !== '=>') {
        this.#endConnection();
        break;
      }
      if (sets.length > 1 && set.some((element) => element.subject.kind === 'implied')) {
        this.#reading.diagnostics.error(token.position, 'implicit ports used in the middle of a chain');
        this.#tokens.skipStatement();
        break;
      }
      this.#tokens.next();
      arrows.push({ kind: token.kind, position: token.position });
    }
    if (sets.length === 0) return undefined;
    return { kind: 'connection', sets, arrows: arrows.slice(0, sets.length - 1) };
  }

  /** Semicolons are optional where what follows can begin a statement or end the place. */
  #endConnection(): void {
    const token = this.#tokens.peek();
    switch (token.kind) {
      case ';':
        this.#tokens.next();
        return;
      case 'identifier':
      case '{':
      case '}':
      case '[':
      case ')':
      case '||':
      case 'elementclass':
      case 'require':
      case 'provide':
      case 'define':
      case 'end':
        return;
      default:
        this.#tokens.syntaxError(token);
        this.#tokens.skipStatement();
    }
  }

  /** Elements with commas between them. None if something else stands there, which has been reported. */
  #set(first: boolean, afterOutput: boolean): ElementSyntax[] {
    const elements: ElementSyntax[] = [];
    do {
      const position = this.#tokens.position();
      const ports = parsePorts(this.#tokens, this.#reading.ports);
      const element = this.#element(first, elements.length === 0, ports !== undefined);
      if (!element) {
        if (ports) this.#reading.diagnostics.error(position, 'stranded port ignored');
        if (elements.length === 0 && !(first && ports && this.#around.nested())) {
          this.#tokens.syntaxError(this.#tokens.peek());
          this.#skipFailed();
        }
        return elements;
      }
      elements.push(element);
      if (element.subject.kind !== 'implied') {
        if (ports) element.inputs = ports;
        this.#classAndConfig(element);
        const outputs = parsePorts(this.#tokens, this.#reading.ports);
        if (outputs) element.outputs = outputs;
      } else if (first) {
        if (ports) element.outputs = ports;
        else if (!afterOutput && this.#isArrow())
          this.#reading.diagnostics.warning(position, "suggest 'input ->' or '[0] ->' to start connection");
      } else if (ports) element.inputs = ports;
    } while (this.#tokens.accept(','));
    return elements;
  }

  #skipFailed(): void {
    const { kind } = this.#tokens.peek();
    if (kind !== ')' && kind !== '}' && kind !== '||') this.#tokens.skipStatement();
  }

  #element(first: boolean, leads: boolean, ports: boolean): ElementSyntax | undefined {
    const token = this.#tokens.peek();
    const { position } = token;
    switch (token.kind) {
      case 'identifier':
        this.#tokens.next();
        return { position, subject: { kind: 'name', name: token.text } };
      case '{':
        return { position, subject: { kind: 'compound', definition: this.#around.compound() } };
      case '(':
        return { position, subject: { kind: 'group', statements: this.#around.group() } };
    }
    if (!this.#around.nested() || token.kind === '::') return undefined;
    const implied = token.kind === ',' ? ports : first === this.#isArrow() && (ports || leads);
    return implied ? { position, subject: { kind: 'implied', name: first ? 'input' : 'output' } } : undefined;
  }

  #classAndConfig(element: ElementSyntax): void {
    if (element.subject.kind === 'name' && this.#tokens.accept('::')) element.declared = this.class();
    const config = this.#tokens.config();
    if (config) element.config = config;
  }

  /** A class's name, or a compound in its place. */
  class(): ClassSyntax {
    const token = this.#tokens.peek();
    if (token.kind === '{') return this.#around.compound();
    if (token.kind === 'identifier') {
      this.#tokens.next();
      return { kind: 'name', name: token.text, position: token.position };
    }
    this.#reading.diagnostics.error(token.position, 'missing element type in declaration');
    return { kind: 'missing', position: token.position };
  }

  #isArrow(): boolean {
    const { kind } = this.#tokens.peek();
    return kind === '->' || kind === '=>';
  }
}
