import t from 'tap';
import { fold, Teller } from '../../../../src/control/story/teller.js';

t.test('lines are broken at spaces', async (t) => {
  t.same(fold('one two three', 7), ['one two', 'three']);
  t.same(fold('one two three', 8), ['one two', 'three']);
  t.same(fold('incomprehensible', 5), ['incomprehensible'], 'a word stays whole');
  t.same(fold('', 5), ['']);
});

function telling(tell: (teller: Teller) => void, terminal: { isTTY?: boolean; columns?: number } = {}): string {
  let text = '';
  tell(new Teller({ write: (piece) => (text += piece), ...terminal }));
  return text;
}

t.test('colours are for terminals', async (t) => {
  // The test runner sets it where its own output is no terminal.
  delete process.env.NO_COLOR;
  t.equal(
    telling((teller) => teller.event('made')),
    '  · made\n',
  );
  t.equal(
    telling((teller) => teller.event('made'), { isTTY: true }),
    '\x1b[2m  · made\x1b[0m\n',
  );
});

t.test('what strangers say stays in its line', async (t) => {
  t.equal(
    telling((teller) => teller.outcome('a\x1b[2Jb\nc')),
    '  → a\\x1b[2Jb\\x0ac\n',
  );
});

t.test('tables are as wide as the terminal', async (t) => {
  t.equal(
    telling(
      (teller) =>
        teller.table([
          ['a', 'one two three'],
          ['bcd', 'four'],
        ]),
      { columns: 16 },
    ),
    '    a  one two\n       three\n  bcd  four\n',
  );
});
