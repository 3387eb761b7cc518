import type { Case } from './case.js';

/** Compounds: { … }, their parameters, overloads and names. */
export const compounds: Case[] = [
  {
    name: 'an anonymous compound',
    text: 'Source -> { input -> Queue -> output } -> Discard',
    flat: [
      'Source@1 :: Source;',
      'Discard@3 :: Discard;',
      '@2/Queue@1 :: Queue;',
      'Source@1 -> @2/Queue@1 -> Discard@3;',
    ],
  },
  {
    name: 'a named compound',
    text: 'Source -> c :: { input -> q :: Queue -> output } -> Discard',
    flat: ['Source@1 :: Source;', 'Discard@3 :: Discard;', 'c/q :: Queue;', 'Source@1 -> c/q -> Discard@3;'],
  },
  {
    name: 'several ports',
    text: `c :: { input -> Queue -> output; input [1] -> Paint -> [1] output };
Source, Source => c => Discard, Discard`,
    flat: [
      'Source@2 :: Source;',
      'Source@3 :: Source;',
      'Discard@4 :: Discard;',
      'Discard@5 :: Discard;',
      'c/Queue@1 :: Queue;',
      'c/Paint@2 :: Paint;',
      'Source@2 -> c/Queue@1 -> Discard@4;',
      'Source@3 -> c/Paint@2 -> Discard@5;',
    ],
  },
  {
    name: 'elementclass',
    text: `elementclass Pair { input -> Queue -> Queue -> output }
Source -> p :: Pair -> Pair -> Discard`,
    flat: [
      'Source@1 :: Source;',
      'Discard@4 :: Discard;',
      'p/Queue@1 :: Queue;',
      'p/Queue@2 :: Queue;',
      'Pair@3/Queue@1 :: Queue;',
      'Pair@3/Queue@2 :: Queue;',
      'Source@1 -> p/Queue@1 -> p/Queue@2 -> Pair@3/Queue@1 -> Pair@3/Queue@2 -> Discard@4;',
    ],
  },
  {
    name: 'a compound in a compound',
    text: `elementclass A { input -> x :: Queue -> output }
elementclass B { input -> a :: A -> x :: Paint -> output }
Source -> b :: B -> Discard`,
    flat: [
      'Source@1 :: Source;',
      'Discard@3 :: Discard;',
      'b/x :: Paint;',
      'b/a/x :: Queue;',
      'Source@1 -> b/a/x -> b/x -> Discard@3;',
    ],
  },
  {
    name: 'order of elements',
    text: 'elementclass A { Info(a) } elementclass B { A; Info(b); A } B; Info(c); B',
    flat: [
      'Info@2 :: Info(c);',
      'B@1/Info@2 :: Info(b);',
      'B@1/A@1/Info@1 :: Info(a);',
      'B@1/A@3/Info@1 :: Info(a);',
      'B@3/Info@2 :: Info(b);',
      'B@3/A@1/Info@1 :: Info(a);',
      'B@3/A@3/Info@1 :: Info(a);',
    ],
  },
  {
    name: 'a class by the name of an older one',
    text: `elementclass Queue { input -> Queue(3) -> output }
Source -> Queue -> Discard`,
    flat: [
      'Source@1 :: Source;',
      'Discard@3 :: Discard;',
      'Queue@2/Queue@1 :: Queue(3);',
      'Source@1 -> Queue@2/Queue@1 -> Discard@3;',
    ],
  },
  {
    name: 'a class is known in its braces only',
    text: 'x :: { elementclass A { Info } A }; A',
    errors: ["f:1:37: undeclared element 'A'"],
  },
  {
    name: 'an element is known in its braces only',
    text: 'x :: { a :: Info }; a',
    errors: ["f:1:21: undeclared element 'a'"],
  },
  {
    name: 'elements around are not known inside',
    text: 'a :: Info; x :: { a }',
    errors: ["f:1:19: undeclared element 'a'"],
  },
  {
    name: 'an alias',
    text: 'elementclass Q Queue; Source -> Q(3) -> Discard',
    flat: ['Source@1 :: Source;', 'Q@2 :: Queue(3);', 'Discard@3 :: Discard;', 'Source@1 -> Q@2 -> Discard@3;'],
  },
  {
    name: 'an alias of a compound',
    text: 'elementclass A { input -> Queue -> output } elementclass B A; Source -> B -> Discard',
    flat: [
      'Source@1 :: Source;',
      'Discard@3 :: Discard;',
      'B@2/Queue@1 :: Queue;',
      'Source@1 -> B@2/Queue@1 -> Discard@3;',
    ],
  },
  {
    name: 'an alias of nothing',
    text: 'elementclass A Nothing; A',
    errors: ["f:1:16: unknown element class 'Nothing'"],
  },
  {
    name: 'positional parameters',
    text: `elementclass P { $a, $b | input -> Paint($b, $a) -> output }
Source -> P(1, 2) -> Discard`,
    flat: [
      'Source@1 :: Source;',
      'Discard@3 :: Discard;',
      'P@2/Paint@1 :: Paint(2, 1);',
      'Source@1 -> P@2/Paint@1 -> Discard@3;',
    ],
  },
  {
    name: 'keyword parameters',
    text: `elementclass P { $a, COLOR $c | input -> Paint($c, $a) -> output }
Source -> P(1, COLOR red dark) -> Discard`,
    flat: [
      'Source@1 :: Source;',
      'Discard@3 :: Discard;',
      'P@2/Paint@1 :: Paint(red dark, 1);',
      'Source@1 -> P@2/Paint@1 -> Discard@3;',
    ],
  },
  {
    name: 'keywords in any order',
    text: `elementclass P { A $a, B $b | input -> Paint($a, $b) -> output }
Source -> P(B 2, A 1) -> Discard`,
    flat: [
      'Source@1 :: Source;',
      'Discard@3 :: Discard;',
      'P@2/Paint@1 :: Paint(1, 2);',
      'Source@1 -> P@2/Paint@1 -> Discard@3;',
    ],
  },
  {
    name: 'what is left over',
    text: `elementclass P { $a, COUNT $count, __REST__ $rest | input -> Paint($a, $count, $rest) -> output }
Source -> P(1, 2, COUNT 3, FOO 4) -> Discard`,
    flat: [
      'Source@1 :: Source;',
      'Discard@3 :: Discard;',
      'P@2/Paint@1 :: Paint(1, 3, 2, FOO 4);',
      'Source@1 -> P@2/Paint@1 -> Discard@3;',
    ],
  },
  {
    name: 'nothing left over',
    text: 'elementclass P { __REST__ $r | Info($r) } P',
    flat: ['P@1/Info@1 :: Info;'],
  },
  {
    name: 'parameters of an outer compound',
    text: 'elementclass A { $x | { $y | Info($x, $y) }(2) } A(1)',
    flat: ['A@1/@1/Info@1 :: Info(1, 2);'],
  },
  {
    name: 'parameters pass on',
    text: 'elementclass A { $x | Info($x) } elementclass B { $x | A($x$x) } B(1)',
    flat: ['B@1/A@1/Info@1 :: Info(11);'],
  },
  {
    name: 'variables belong to where a compound is defined',
    text: 'elementclass A { Info($x) } elementclass B { $x | A } B(1)',
    flat: ['B@1/A@1/Info@1 :: Info($x);'],
  },
  {
    name: 'a parameter bar alone',
    text: 'Source -> { | input -> Queue -> output } -> Discard',
    flat: [
      'Source@1 :: Source;',
      'Discard@3 :: Discard;',
      '@2/Queue@1 :: Queue;',
      'Source@1 -> @2/Queue@1 -> Discard@3;',
    ],
  },
  {
    name: 'too few arguments',
    text: `elementclass P { $a, $b | Info($a) }
P(1)`,
    errors: [
      "f:2:1: no match for 'P[1 argument, 0 inputs, 0 outputs]'",
      'f:1:18: candidates are:',
      'f:1:18:   P(<arg>, <arg>)[0 inputs, 0 outputs]',
    ],
  },
  {
    name: 'too many arguments',
    text: `elementclass P { $a | Info($a) }
P(1, 2)`,
    errors: [
      "f:2:1: no match for 'P[2 arguments, 0 inputs, 0 outputs]'",
      'f:1:18: candidates are:',
      'f:1:18:   P(<arg>)[0 inputs, 0 outputs]',
    ],
  },
  {
    name: 'a missing keyword',
    text: `elementclass P { COUNT $c | Info($c) }
P(1)`,
    errors: [
      "f:2:1: no match for 'P[1 argument, 0 inputs, 0 outputs]'",
      'f:1:18: candidates are:',
      'f:1:18:   P(COUNT)[0 inputs, 0 outputs]',
    ],
  },
  {
    name: 'a parameter twice',
    text: 'elementclass P { $a, $a | Info($a) } P(1)',
    errors: ["f:1:22: parameter '$a' multiply defined"],
  },
  {
    name: 'a keyword twice',
    text: 'elementclass P { A $a, A $b | Info } P(A 1)',
    errors: ["f:1:24: repeated keyword parameter 'A' in compound element"],
  },
  {
    name: 'parameters out of order',
    text: 'elementclass P { A $a, $b | Info } P(1, A 2)',
    errors: [
      "f:1:24: compound element parameters out of order (the correct order is '[positional], [keywords], [__REST__]')",
    ],
  },
  {
    name: 'a parameter list without its end',
    text: 'elementclass P { $a, Info } P',
    errors: [
      'f:1:22: expected variable',
      "f:1:29: no match for 'P[0 inputs, 0 outputs]'",
      'f:1:18: candidates are:',
      'f:1:18:   P(<arg>)[0 inputs, 0 outputs]',
    ],
  },
  {
    name: 'overloads by arguments',
    text: `elementclass Q { input -> Queue -> output || $n | input -> Queue($n) -> output }
Source -> Q -> Q(5) -> Discard`,
    flat: [
      'Source@1 :: Source;',
      'Discard@4 :: Discard;',
      'Q@2/Queue@1 :: Queue;',
      'Q@3/Queue@1 :: Queue(5);',
      'Source@1 -> Q@2/Queue@1 -> Q@3/Queue@1 -> Discard@4;',
    ],
  },
  {
    name: 'overloads by ports',
    text: `elementclass Q { input -> Queue -> output || input -> Discard }
Source -> Q -> Q`,
    flat: [
      'Source@1 :: Source;',
      'Q@2/Queue@1 :: Queue;',
      'Q@3/Discard@1 :: Discard;',
      'Source@1 -> Q@2/Queue@1 -> Q@3/Discard@1;',
    ],
  },
  {
    name: 'an extension',
    text: `elementclass Queue { $n, $d | input -> Queue($n) -> Paint($d) -> output || ... }
Source -> Queue(1, 2) -> Queue(3) -> Discard`,
    flat: [
      'Source@1 :: Source;',
      'Queue@3 :: Queue(3);',
      'Discard@4 :: Discard;',
      'Queue@2/Queue@1 :: Queue(1);',
      'Queue@2/Paint@2 :: Paint(2);',
      'Source@1 -> Queue@2/Queue@1 -> Queue@2/Paint@2 -> Queue@3 -> Discard@4;',
    ],
  },
  {
    name: 'an extension of a compound',
    text: 'elementclass T { $a | Info($a) } elementclass T { $a, $b | Info($a, $b) || ... } T(1); T(1, 2)',
    flat: ['T@1/Info@1 :: Info(1);', 'T@2/Info@1 :: Info(1, 2);'],
  },
  {
    name: 'overloads that lie behind are not seen',
    text: `elementclass T { $a | Info }
T(1, 2)
elementclass T { $a, $b | Info || ... }`,
    errors: [
      "f:2:1: no match for 'T[2 arguments, 0 inputs, 0 outputs]'",
      'f:1:18: candidates are:',
      'f:1:18:   T(<arg>)[0 inputs, 0 outputs]',
    ],
  },
  {
    name: 'no overload fits',
    text: `elementclass X { $a | input -> Queue($a) -> output || input -> Discard }
Source -> X(1, 2) -> Discard`,
    errors: [
      "f:2:11: no match for 'X[2 arguments, 1 input, 1 output]'",
      'f:1:18: candidates are:',
      'f:1:18:   X(<arg>)[1 input, 1 output]',
      'f:1:55:   X[1 input, 0 outputs]',
    ],
  },
  {
    name: 'an extension of nothing',
    text: 'elementclass New { Info || ... } New',
    errors: ["f:1:18: cannot extend unknown element class 'New'"],
  },
  {
    name: 'an extension first',
    text: 'elementclass Queue { ... || Info } Info',
    errors: ["f:1:22: '...' should occur last, after one or more compounds"],
  },
  {
    name: 'no such port of a compound',
    text: 'c :: { input -> Queue -> output }; Source -> [1] c -> Discard',
    errors: ["f:1:47: 'c' has no input 1"],
  },
  {
    name: 'an unused port of a compound',
    text: 'c :: { input -> Queue -> output; input [1] -> Discard }; Source -> c -> Discard',
    errors: ["f:1:1: 'c' input 1 unused"],
  },
  {
    name: 'named ports of a compound',
    text: 'c :: { input -> Queue -> output }; Source -> [in] c -> Discard',
    errors: ["f:1:47: 'c' has no input named 'in' (only elements that are not compound have named inputs)"],
  },
  {
    name: 'a missing input',
    text: 'c :: { input [1] -> Discard }',
    errors: ["f:1:8: '<anonymous>' input 0 missing", "f:1:1: 'c' input 0 unused", "f:1:1: 'c' input 1 unused"],
  },
  {
    name: 'input as an input of a compound',
    text: 'c :: { Source -> input }',
    errors: ["f:1:18: '<anonymous>' pseudoelement 'input' may only be used as output"],
  },
  {
    name: 'an unconnected element inside is reported once',
    text: 'elementclass A { Queue -> Discard } A; A',
    errors: ["f:1:18: 'A@1/Queue@1' input 0 unused"],
  },
  {
    name: 'a component that is declared already',
    text: `c/q :: Info;
c :: { q :: Info }`,
    errors: ["f:2:8: redeclaration of element 'c/q'", "f:1:1: element 'c/q' previously declared here"],
  },
  {
    name: 'a compound that does not end',
    text: 'c :: { Info',
    errors: ["f:1:12: expected '}'"],
  },
  {
    name: 'nested too deep',
    text: '{ '.repeat(51) + '} '.repeat(51),
    errors: ['f:1:101: maximum compound element nesting depth exceeded'],
  },
];
