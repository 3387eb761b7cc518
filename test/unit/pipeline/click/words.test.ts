import t from 'tap';
import { formatDiagnostic } from '../../../../src/pipeline/click/diagnostics.js';
import { quote, unquote } from '../../../../src/pipeline/click/quote.js';
import { readGraph } from '../../../../src/pipeline/click/read.js';
import { joinArguments, splitArguments, splitKeyword, splitWords } from '../../../../src/pipeline/click/words.js';
import { options } from '../../../conformance/click/classes.js';

const place = ({ line, column }: { line: number; column: number }) => `${line}:${column}`;

t.test('arguments know where they stand and how they are written', async (t) => {
  const args = splitArguments(' a /* one */ b ,\n  TARGETS // how many\n    12, "x, y"', {
    file: 'f',
    line: 3,
    column: 10,
  });
  t.same(
    args.map(({ text, raw, position }) => [text, raw, place(position)]),
    [
      ['a b', ' a /* one */ b ', '3:11'],
      ['TARGETS 12', '\n  TARGETS // how many\n    12', '4:3'],
      ['"x, y"', ' "x, y"', '5:9'],
    ],
  );
  t.same(splitKeyword(args[1]!), { keyword: 'TARGETS', value: '12', valuePosition: { file: 'f', line: 5, column: 5 } });
  t.equal(splitKeyword(args[0]!), undefined);
});

t.test('keywords', async (t) => {
  const split = (text: string) => {
    const found = splitKeyword(splitArguments(text)[0]!);
    return found && [found.keyword, found.value];
  };
  t.same(split('VERBOSE'), ['VERBOSE', '']);
  t.same(split('DRY_RUN2  a  b'), ['DRY_RUN2', 'a  b']);
  t.equal(split('12 a'), undefined);
  t.equal(split('Targets 1'), undefined);
  t.equal(split('IP/1 2'), undefined);
  t.equal(split('"KEY" 1'), undefined);
});

t.test('arguments of a graph know where they stand', async (t) => {
  const text =
    'define($n 12);\nelementclass C { $a |\n  Info(FIRST $a,\n    x$n, "$n") }\nC($n);\n# 50 "other"\nInfo(y,\n# 7 ""\nz)';
  const { graph, diagnostics } = readGraph({ file: 'f', text }, options);
  t.same(diagnostics, []);
  const places = graph.elements.map(({ arguments: args }) =>
    args.map(({ text, position }) => `${text} ${place(position)}`),
  );
  t.same(places, [
    ['y 50:6', 'z 7:1'],
    ['FIRST 12 3:8', 'x12 4:5', '"12" 4:10'],
  ]);
  t.same(
    graph.elements[0]!.arguments.map(({ position }) => position.file),
    ['other', 'f'],
  );
  t.equal(place(splitKeyword(graph.elements[1]!.arguments[0]!)!.valuePosition), '3:14', 'where the variable stands');
});

t.test('connections and elements know where they stand', async (t) => {
  const { graph } = readGraph({ file: 'f', text: 's :: Source;\ns\n  -> q :: Queue -> Discard' }, options);
  t.same(
    graph.connections.map(({ position }) => place(position)),
    ['3:3', '3:17'],
  );
  t.same(
    graph.elements.map(({ position }) => place(position)),
    ['1:1', '3:6', '3:20'],
  );
});

t.test('unquote', async (t) => {
  const cases: [string, string][] = [
    ['plain', 'plain'],
    [' a /* b */ c ', 'a c'],
    ['"a b"', 'a b'],
    ['a\'b\'"c"', 'abc'],
    ["'a\\n'", 'a\\n'],
    ['"\\a\\b\\t\\n\\v\\f\\r\\\\\\"\\$\\q"', '\x07\b\t\n\v\f\r\\"$q'],
    ['"\\1\\12\\1234"', '\x01\nS4'],
    ['"\\x41\\x041\\x"', 'AA\0'],
    ['"\\<48 65 6c/* l */6c 6f>"', 'Hello'],
    ['\\<4 1 4>', 'A'],
    ['"a\\\nb\\\r\nc"', 'abc'],
    ['\\n', '\\n'],
    ['"open', 'open'],
    ['"\\', '\\'],
  ];
  for (const [text, expected] of cases) t.equal(unquote(text), expected, text);
});

t.test('quote', async (t) => {
  t.equal(quote(''), '""');
  t.equal(quote('a "b" $c \\'), '"a \\"b\\" \\$c \\\\"');
  t.equal(quote('\n\t\r\0\x7f\xff'), '"\\n\\t\\r\\000\\177\\377"');
});

t.test('words', async (t) => {
  t.same(splitWords(' a "b c" /* d */ e\'f g\'\\<41 42> '), ['a', '"b c"', "e'f g'\\<41 42>"]);
  t.same(splitWords(' // nothing'), []);
});

t.test('joining', async (t) => {
  t.equal(joinArguments(['a', '', 'b']), 'a, , b');
  t.equal(joinArguments(['a', '']), 'a, ,');
  t.equal(joinArguments([]), '');
});

t.test('formatDiagnostic', async (t) => {
  const position = { file: 'config/farm.click', line: 12, column: 7 };
  t.equal(formatDiagnostic({ position, severity: 'error', message: 'no' }), 'config/farm.click:12:7: no');
  t.equal(formatDiagnostic({ position, severity: 'warning', message: 'hm' }), 'config/farm.click:12:7: warning: hm');
});
