import t from 'tap';
import { Substitution } from '../../../../src/packet/rewrite/substitution.js';

/** `a>b` for each pair. */
const of = (...pairs: string[]) =>
  new Substitution(
    pairs.map((pair) => {
      const [from, to] = pair.split('>');
      return { from: Buffer.from(from!), to: Buffer.from(to!) };
    }),
    pairs.join(),
  );

t.test('the leftmost match is replaced, the first listed one, and nothing across what was', async (t) => {
  for (const [pairs, before, after] of [
    [['cmd.exe>xxx.exe'], 'a cmd.exe cmd.exe', 'a xxx.exe xxx.exe'],
    [['aa>b'], 'aaaaa', 'bba'],
    [['bc>X', 'abc>Y'], 'abcbc', 'YX'],
    [['abc>X', 'ab>Y'], 'ababcab', 'YXY'],
    [['ab>'], 'aabb', 'ab'],
    [['a>aa'], 'aba', 'aabaa'],
    [['abcd>X', 'b>Y'], 'abcabcd', 'aYcX'],
  ] as const)
    t.equal(
      of(...pairs)
        .apply(Buffer.from(before))
        .toString(),
      after,
      `${pairs} in ${before}`,
    );
  t.equal(of('ab>x').count(Buffer.from('abaabab')), 3);
});

t.test('what is not decided yet is said to be open', async (t) => {
  const of2 = of('abcd>X', 'ab>Y');
  const at = (text: string) => of2.at(Buffer.from(text), 0, text.length, false);
  t.equal(of2.at(Buffer.from('ab'), 0, 2, true), 1, 'nothing follows');
  t.same(['a', 'ab', 'abc', 'abcd', 'abx', 'ax', 'x'].map(at), [-2, -2, -2, 0, 1, -1, -1]);
});
