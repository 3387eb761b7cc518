import type { PortsSyntax } from './syntax.js';
import type { Tokens } from './tokens.js';

/** Ports of one element; the largest port number is one less. */
export const MAX_PORTS_OF_ELEMENT = 4096;

/** `[…]`, if one comes next. `budget` bounds the ports listed in all. */
export function parsePorts(tokens: Tokens, budget: { left: number }): PortsSyntax | undefined {
  const { kind, position } = tokens.peek();
  if (kind !== '[') return undefined;
  tokens.next();
  const list: PortsSyntax = { position, ports: [], open: false };
  let from: number | undefined;
  for (;;) {
    const token = tokens.peek();
    if (token.kind === ']') {
      tokens.next();
      if (list.ports.length === 0) list.ports.push({ port: 0, position });
      list.open = true;
      return list;
    }
    if (token.kind !== 'identifier') {
      tokens.diagnostics.error(token.position, 'syntax error: expected port number');
      tokens.skipTo(']');
      return list;
    }
    tokens.next();
    const port = portOf(token.text);
    if (typeof port === 'number' && port >= MAX_PORTS_OF_ELEMENT) {
      tokens.diagnostics.error(
        token.position,
        `port number ${token.text} too large, the largest is ${MAX_PORTS_OF_ELEMENT - 1}`,
      );
    } else if (typeof port === 'string' && from !== undefined) {
      tokens.diagnostics.error(token.position, 'syntax error: port number should be integer');
    } else {
      const last = typeof port === 'number' ? port : 0;
      for (let i = from === undefined ? last : from + 1; i <= last; i++) {
        if (--budget.left < 0) return tooMany(tokens, list);
        list.ports.push({ port: typeof port === 'number' ? i : port, position: token.position });
      }
    }
    if (tokens.accept(']')) break;
    from = undefined;
    if (tokens.peek().kind === '-' && typeof port === 'number') {
      tokens.next();
      from = port;
    } else if (!tokens.accept(',')) {
      tokens.diagnostics.error(tokens.position(), "syntax error: expected ','");
      tokens.skipTo(']');
      break;
    }
  }
  return list;
}

function tooMany(tokens: Tokens, list: PortsSyntax): PortsSyntax {
  tokens.diagnostics.error(list.position, 'too many ports');
  tokens.skipNested(']');
  return { ...list, ports: list.ports.slice(0, 1) };
}

/** A number as C writes it (decimal, octal after a 0, hexadecimal after 0x), or else a port's name. */
function portOf(text: string): number | string {
  if (/^0x[0-9A-Fa-f]+$/.test(text)) return Number.parseInt(text, 16);
  if (/^0[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  return /^\d+$/.test(text) ? Number.parseInt(text, 10) : text;
}
