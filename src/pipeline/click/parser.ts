import { ConnectionParser } from './connection.js';
import { parseDefine, parseRequire, type Requirement } from './directives.js';
import { parseFormals } from './formals.js';
import { MAX_DEPTH, type Reading, type Source } from './reading.js';
import type { CompoundSyntax, OverloadSyntax, Statement } from './syntax.js';
import { Tokens } from './tokens.js';

type Place = 'file' | 'compound' | 'group';

export class Parser {
  readonly #source: Source;
  readonly #reading: Reading;
  readonly #tokens: Tokens;
  readonly #connections: ConnectionParser;
  /** How deep the file itself is, if it is a library. */
  readonly #outside: number;
  #compounds = 0;
  #groups = 0;

  constructor(source: Source, reading: Reading, outside = 0) {
    this.#source = source;
    this.#reading = reading;
    this.#outside = outside;
    this.#tokens = new Tokens(source, reading.diagnostics, reading.skipped);
    this.#connections = new ConnectionParser(this.#tokens, reading, {
      nested: () => this.#compounds + this.#groups > 0,
      compound: () => this.#compound(),
      group: () => this.#group(),
    });
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
          const statement = this.#connections.parse(endsInOutput);
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
          for (const statement of this.#require()) statements.push(statement);
          break;
        case 'define':
          for (const statement of parseDefine(this.#tokens)) statements.push(statement);
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

  #elementclass(): Statement {
    const tokens = this.#tokens;
    tokens.next();
    const { text, position } = tokens.peek();
    const named = tokens.accept('identifier');
    if (!named) tokens.diagnostics.error(position, 'expected element type name');
    const name = named ? text : '';
    const next = tokens.peek();
    if (next.kind === '{' || next.kind === 'identifier')
      return { kind: 'elementclass', name, position, definition: this.#connections.class() };
    if (named) tokens.syntaxError(next);
    tokens.skipStatement();
    return { kind: 'elementclass', name, position, definition: { kind: 'missing', position } };
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
      overloads.push({
        position: start,
        formals: parseFormals(this.#tokens),
        statements: this.#statements('compound'),
      });
    } while (this.#tokens.accept('||'));
    this.#compounds--;
    this.#tokens.accept('}');
    return compound;
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
    if (this.#depth >= MAX_DEPTH) {
      diagnostics.error(position, 'maximum library nesting depth exceeded');
      return undefined;
    }
    libraries.add(source.file);
    return new Parser(source, this.#reading, this.#depth + 1).parse();
  }

  get #depth(): number {
    return this.#outside + this.#compounds + this.#groups;
  }
}
