import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { quote, unquote } from '../../src/pipeline/click/quote.js';
import type { FlatGraph } from '../../src/pipeline/click/read.js';
import { readGraph } from '../../src/pipeline/click/read.js';
import { unparse } from '../../src/pipeline/click/unparse.js';
import { joinArguments, splitArguments } from '../../src/pipeline/click/words.js';
import { options } from '../conformance/click/classes.js';

const read = (text: string) => readGraph({ file: 'test.click', text }, options);

/** A graph without the places it was read from. */
function essence({ elements, connections, requirements }: FlatGraph) {
  return {
    elements: elements.map(({ name, class: type, config, arguments: args }) => [
      name,
      type,
      config,
      args.map(({ text }) => text),
    ]),
    connections: connections.map(({ from, to }) => [from, to]),
    requirements,
  };
}

const word = fc.stringMatching(/^[a-z][a-z0-9_]{0,6}$/);
const argument = fc.oneof(
  word,
  fc.string().map(quote),
  fc.constantFrom('', 'KEY 1', "'raw, $x'", '(a (b))', '"a\\<41 42>"', '\\<00 ff>', '1.2.3.4/8', 'a  b'),
);

/** A valid graph: every source feeds a chain that ends somewhere, through elements of one and of several ports. */
const graph = fc
  .array(
    fc.record({
      name: word,
      type: fc.constantFrom('Counter', 'Queue', 'Paint', 'Tee', 'CheckIPHeader', 'FlowTable'),
      args: fc.array(argument, { maxLength: 3 }),
      ports: fc.integer({ min: 1, max: 4 }),
    }),
    { maxLength: 12 },
  )
  .map((specs) => {
    const lines = ['require(package test);', 'Source -> end :: Discard;'];
    specs.forEach(({ name, type, args, ports }, i) => {
      const id = `${name}/n${i}`;
      lines.push(`${id} :: ${type}${args.length > 0 ? `(${joinArguments(args)})` : ''};`, `Source -> ${id};`);
      if (type === 'FlowTable') lines.push(`Source -> [inside] ${id};`, `${id} [0,1,2] -> end;`);
      else if (type === 'Tee') lines.push(`${id} [0-${ports - 1}] => Counter${', Counter'.repeat(ports - 1)} -> end;`);
      else lines.push(`${id} -> ( [0] -> c${i} :: { input -> x :: Counter -> output } -> ) -> end;`);
    });
    return lines.join('\n');
  });

t.test('what unparse writes reads back as the same graph', async (t) => {
  fc.assert(
    fc.property(graph, (text) => {
      const first = read(text);
      assert.deepEqual(first.diagnostics, []);
      const flat = unparse(first.graph, options.findClass);
      const second = read(flat);
      assert.deepEqual(second.diagnostics, []);
      assert.deepEqual(essence(second.graph), essence(first.graph));
      assert.equal(unparse(second.graph, options.findClass), flat);
    }),
    { numRuns: 200 },
  );
  t.pass('holds');
});

const token = fc.constantFrom(
  ...[
    'a',
    'b',
    'input',
    'output',
    'Counter',
    'Queue',
    'Source',
    'Tee',
    'X',
    'Y',
    '$v',
    '$',
    '0',
    '12',
    '"q\\',
    "'",
    '1/2',
  ],
  ...[
    '->',
    '=>',
    '::',
    '||',
    '...',
    '|',
    ';',
    ',',
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    '[0',
    '[]',
    '-',
    ' ',
    '\n',
    '/*',
    '*/',
    '//',
  ],
  ...[
    'elementclass',
    'require',
    'define',
    'provide',
    '(library l)',
    '(package p)',
    '($v 1)',
    '(',
    '__REST__ $r',
    '\n# 5 "f"\n',
    '\n#x',
  ],
  ...['elementclass X {', 'input ->', '-> output', ':: {', '$' + '{v', '$' + '{v[1]}', '\\<41', '\u{1f600}', '\0'],
);
const soup = fc.array(token, { maxLength: 60 }).map((tokens) => tokens.join(' '));
const mutated = fc
  .tuple(graph, fc.array(fc.tuple(fc.nat(), fc.nat({ max: 8 }), token), { minLength: 1, maxLength: 5 }))
  .map(([text, changes]) => {
    for (const [at, length, put] of changes) {
      const i = at % (text.length + 1);
      text = text.slice(0, i) + put + text.slice(i + length);
    }
    return text;
  });

const library = {
  ...options,
  readLibrary: (name: string) => ({ file: name, text: 'require(library l, library m); x :: Tee' }),
};

t.test('no input makes it throw, and what it makes out is a graph', async (t) => {
  fc.assert(
    fc.property(fc.oneof(soup, mutated, fc.string(), fc.string({ unit: 'binary' })), (text) => {
      const { graph: found, diagnostics } = readGraph({ file: 'f', text }, library);
      for (const { from, to } of found.connections) {
        assert.ok(found.elements[from.element], 'connected from an element that is there');
        assert.ok(found.elements[to.element], 'connected to an element that is there');
      }
      for (const { position } of diagnostics) assert.ok(position.line >= 0 && position.column >= 1, 'has a place');
      unparse(found, options.findClass);
    }),
    { numRuns: 2000 },
  );
  t.pass('holds');
});

t.test('quoting', async (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.equal(unquote(quote(text)), text);
      assert.deepEqual(
        splitArguments(quote(text)).map(({ text: part }) => unquote(part)),
        [text],
      );
    }),
  );
  t.pass('holds');
});

t.test('splitting undoes joining', async (t) => {
  fc.assert(
    fc.property(fc.array(argument, { maxLength: 5 }), (args) => {
      assert.deepEqual(
        splitArguments(joinArguments(args)).map(({ text }) => text),
        args,
      );
    }),
  );
  t.pass('holds');
});

const hostile: [string, string][] = [
  [
    'compounds that double',
    `elementclass C0 { input -> output }\n${Array.from({ length: 60 }, (_, i) => `elementclass C${i + 1} { input -> C${i} -> C${i} -> output }`).join('\n')}\nSource -> C60 -> Discard;`,
  ],
  [
    'variables that multiply',
    `${Array.from({ length: 12 }, (_, i) => `define($v${i} ${`$v${i + 1} `.repeat(50)})`).join(';\n')}; Info($v0)`,
  ],
  ['deep groups', `${'('.repeat(10_000)}${')'.repeat(10_000)}`],
  ['deep compounds', '{'.repeat(10_000)],
  ['deep groups after an arrow', 'a -> ( '.repeat(10_000)],
  ['a long chain of groups', `Source${' -> (->)'.repeat(20_000)} -> Discard`],
  ['a long chain', `Source${' -> Counter'.repeat(20_000)} -> Discard`],
  ['many ports', '[0-4095,'.repeat(2000)],
  ['closing brackets', ')}'.repeat(50_000)],
  ['arrows', '-> '.repeat(50_000)],
  ['open quotes', "Info('".repeat(20_000)],
  [
    'taken anonymous names',
    `${'Info;'.repeat(5000)}${Array.from({ length: 5000 }, (_, i) => `Info@${i + 1} :: Info;`).join('')}`,
  ],
  ['many definitions', `define(${Array.from({ length: 200_000 }, (_, i) => `$v${i} ${i}`).join()}); Info($v9)`],
  ['braces that do not close', `Info(${'${'.repeat(100_000)})`],
  ['undeclared elements', Array.from({ length: 20_000 }, (_, i) => `x${i};`).join('')],
  ['overloads of overloads', `${'elementclass A { $a | Info || ... }'.repeat(5000)}${'A;'.repeat(5000)}`],
  ['groups with a high port', 'Info -> ( [4095] -> [4095] ) -> Discard;'.repeat(5000)],
  ['a library without end', 'require(library x)'],
];
const endless = { ...options, readLibrary: (name: string) => ({ file: name, text: `require(library ${name}x)` }) };

t.test('hostile graphs come to an end with a bounded graph', async (t) => {
  for (const [name, text] of hostile) {
    const { graph: found, diagnostics } = readGraph({ file: 'f', text }, endless);
    t.ok(found.elements.length <= 100_000, name);
    t.ok(diagnostics.length <= 101, `${name}: few diagnostics`);
  }
});
