import type { Diagnostics } from './diagnostics.js';
import { parseDefine, parseRequire, type Requirement } from './directives.js';
import { parsePorts } from './ports.js';
import type { Arrow, ClassSyntax, CompoundSyntax, ElementSyntax, Formal, OverloadSyntax, Statement } from './syntax.js';
import { Tokens } from './tokens.js';

export interface Source {
  file: string;
  text: string;
}

export type ReadLibrary = (name: string, from: string) => Source | undefined;

/** How deep compounds, groups and libraries may nest. */
export const MAX_DEPTH = 50;
/** Ports that one read may list in all, which bounds what `[0-4095], [0-4095], …` can grow to. */
const MAX_PORTS = 1_000_000;

/** What the parsers of a file and of the libraries it requires share. */
export interface Reading {
  diagnostics: Diagnostics;
  readLibrary?: ReadLibrary | undefined;
  libraries: Set<string>;
  skipped: Set<string>;
  ports: { left: number };
}

export function newReading(diagnostics: Diagnostics, readLibrary?: ReadLibrary): Reading {
  return { diagnostics, readLibrary, libraries: new Set(), skipped: new Set(), ports: { left: MAX_PORTS } };
}

type Place = 'file' | 'compound' | 'group';

export class Parser {
  readonly #source: Source;
  readonly #reading: Reading;
  readonly #tokens: Tokens;
  readonly #libraryDepth: number;
  #compounds = 0;
  #groups = 0;

  constructor(source: Source, reading: Reading, libraryDepth = 0) {
    this.#source = source;
    this.#reading = reading;
    this.#libraryDepth = libraryDepth;
    this.#tokens = new Tokens(source, reading.diagnostics, reading.skipped);
  }

  parse(): Statement[] {
    return this.#statements('file');
  }

  /** Statements up to what closes the place, which is read if it is a group's ')' and left if it is a compound's '}' or '||'. */
  #statements(place: Place): Statement[] {
    const statements: Statement[] = [];
    let endsInOutput = true;
    for (;;) {
      const token = this.#tokens.peek();
      switch (token.kind) {
        case 'identifier':
        case '[':
        case '{':
        case '(':
        case '->':
        case '=>': {
          const statement = this.#connection(endsInOutput);
          if (!statement) break;
          const last = statement.sets.at(-1)!;
          const subject = last[0]!.subject;
          endsInOutput = last.length === 1 && 'name' in subject && subject.name === 'output';
          statements.push(statement);
          break;
        }
        case 'elementclass':
          statements.push(this.#elementclass());
          break;
        case 'require':
          statements.push(...this.#require());
          break;
        case 'define':
          statements.push(...parseDefine(this.#tokens));
          break;
        case ';':
          this.#tokens.next();
          break;
        case 'end':
          if (place !== 'file') this.#tokens.expect(place === 'group' ? ')' : '}');
          return statements;
        case '}':
        case '||':
          if (place === 'compound') return statements;
          if (place === 'group' && this.#compounds > 0) {
            this.#tokens.expect(')');
            return statements;
          }
          this.#tokens.syntaxError(this.#tokens.next());
          break;
        case ')':
          this.#tokens.next();
          if (place === 'group') return statements;
          this.#tokens.syntaxError(token);
          break;
        default:
          this.#tokens.syntaxError(token);
          this.#tokens.next();
          this.#tokens.skipStatement();
      }
    }
  }

  /** A chain of sets of elements, which may be one set alone: then it declares or only mentions them. */
  #connection(afterOutput: boolean): (Statement & { kind: 'connection' }) | undefined {
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
        if (elements.length === 0 && !(first && ports && this.#nested)) {
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
        return { position, subject: { kind: 'compound', definition: this.#compound() } };
      case '(':
        return { position, subject: { kind: 'group', statements: this.#group() } };
    }
    if (!this.#nested || token.kind === '::') return undefined;
    const implied = token.kind === ',' ? ports : first === this.#isArrow() && (ports || leads);
    return implied ? { position, subject: { kind: 'implied', name: first ? 'input' : 'output' } } : undefined;
  }

  #classAndConfig(element: ElementSyntax): void {
    if (element.subject.kind === 'name' && this.#tokens.accept('::')) element.declared = this.#class();
    const config = this.#tokens.config();
    if (config) element.config = config;
  }

  #class(): ClassSyntax {
    const token = this.#tokens.peek();
    if (token.kind === '{') return this.#compound();
    if (token.kind === 'identifier') {
      this.#tokens.next();
      return { kind: 'name', name: token.text, position: token.position };
    }
    this.#reading.diagnostics.error(token.position, 'missing element type in declaration');
    return { kind: 'missing', position: token.position };
  }

  #elementclass(): Statement {
    this.#tokens.next();
    const { text: name, position, kind } = this.#tokens.peek();
    if (kind === 'identifier') this.#tokens.next();
    else this.#reading.diagnostics.error(position, 'expected element type name');
    const token = this.#tokens.peek();
    if (token.kind === '{' || token.kind === 'identifier')
      return { kind: 'elementclass', name: kind === 'identifier' ? name : '', position, definition: this.#class() };
    if (kind === 'identifier') this.#tokens.syntaxError(token);
    this.#tokens.skipStatement();
    return {
      kind: 'elementclass',
      name: kind === 'identifier' ? name : '',
      position,
      definition: { kind: 'missing', position },
    };
  }

  #group(): Statement[] {
    const { position } = this.#tokens.next();
    if (this.#depth >= MAX_DEPTH) {
      this.#reading.diagnostics.error(position, 'maximum element group nesting depth exceeded');
      this.#tokens.skipNested(')');
      return [];
    }
    this.#groups++;
    const statements = this.#statements('group');
    this.#groups--;
    return statements;
  }

  #compound(): CompoundSyntax {
    const { position } = this.#tokens.next();
    const overloads: OverloadSyntax[] = [];
    const compound: CompoundSyntax = { kind: 'compound', position, overloads, extends: false };
    if (this.#depth >= MAX_DEPTH) {
      this.#reading.diagnostics.error(position, 'maximum compound element nesting depth exceeded');
      this.#tokens.skipNested('}');
      overloads.push({ position, formals: [], statements: [] });
      return compound;
    }
    this.#compounds++;
    do {
      const start = this.#tokens.position();
      if (this.#tokens.accept('...')) {
        compound.extends = true;
        if (overloads.length === 0 || this.#tokens.peek().kind !== '}')
          this.#reading.diagnostics.error(start, "'...' should occur last, after one or more compounds");
        if (overloads.length > 0) continue;
      }
      overloads.push({ position: start, formals: this.#formals(), statements: this.#statements('compound') });
    } while (this.#tokens.accept('||'));
    this.#compounds--;
    this.#tokens.accept('}');
    return compound;
  }

  /** `$a, KEY $b, __REST__ $r |`, or nothing, or only the `|`. */
  #formals(): Formal[] {
    const formals: Formal[] = [];
    const tokens = this.#tokens;
    for (;;) {
      const token = tokens.peek();
      const keyword = token.kind === 'identifier' && tokens.peek(1).kind === 'variable' ? tokens.next().text : '';
      if (keyword === '' && token.kind !== 'variable') {
        if (token.kind === '|') tokens.next();
        else if (formals.length > 0) this.#reading.diagnostics.error(token.position, 'expected variable');
        return formals;
      }
      formals.push({ name: tokens.next().text, keyword, position: token.position });
      if (tokens.accept('|')) return formals;
      if (!tokens.accept(',')) {
        this.#reading.diagnostics.error(tokens.position(), "expected ',' or '|'");
        return formals;
      }
    }
  }

  #require(): Statement[] {
    return parseRequire(this.#tokens).flatMap((requirement): Statement[] => {
      if (requirement.kind === 'require') return [requirement];
      const statements = this.#library(requirement);
      return statements ? [{ kind: 'library', statements }] : [];
    });
  }

  #library({ name, position }: Requirement & { kind: 'library' }): Statement[] | undefined {
    const { diagnostics, libraries, readLibrary } = this.#reading;
    if (this.#compounds > 0) {
      diagnostics.error(position, "'require library' must be used at file scope");
      return undefined;
    }
    const source = readLibrary?.(name, this.#source.file);
    if (!source) {
      diagnostics.error(position, `library '${name}' not found`);
      return undefined;
    }
    if (libraries.has(source.file)) return undefined;
    if (this.#libraryDepth >= MAX_DEPTH) {
      diagnostics.error(position, 'maximum library nesting depth exceeded');
      return undefined;
    }
    libraries.add(source.file);
    return new Parser(source, this.#reading, this.#libraryDepth + 1).parse();
  }

  get #nested(): boolean {
    return this.#depth > 0;
  }

  get #depth(): number {
    return this.#compounds + this.#groups;
  }

  #isArrow(): boolean {
    const { kind } = this.#tokens.peek();
    return kind === '->' || kind === '=>';
  }
}
