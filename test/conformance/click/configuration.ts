// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Click's variables look like that

import type { Case } from './case.js';

/** Configuration strings and variables. */
export const configuration: Case[] = [
  {
    name: 'arguments are split at commas',
    text: 'Info(a, b c , "d, e", \'f, g\')',
    flat: ['Info@1 :: Info(a, b c, "d, e", \'f, g\');'],
  },
  {
    name: 'an empty last argument is dropped',
    text: 'Info(1, ); Info(1, /* x */); Info(,); Info()',
    flat: ['Info@1 :: Info(1);', 'Info@2 :: Info(1);', 'Info@3 :: Info(,);', 'Info@4 :: Info;'],
  },
  {
    name: 'comments are a space',
    text: `Info(a/* b */c, d // e, f
 g)`,
    flat: ['Info@1 :: Info(a c, d g);'],
  },
  {
    name: 'comments in quotes are text',
    text: 'Info("// a", \'/* b */\')',
    flat: ['Info@1 :: Info("// a", \'/* b */\');'],
  },
  {
    name: 'parentheses balance',
    text: 'Info(a (b, c) d)',
    flat: ['Info@1 :: Info(a (b, c) d);'],
  },
  {
    name: 'parentheses in quotes and comments do not count',
    text: `Info(")", '(', /* ) */ a // )
)`,
    flat: ['Info@1 :: Info(")", \'(\', a);'],
  },
  {
    name: 'single quotes are raw',
    text: "Info('a\\n$x')",
    flat: ["Info@1 :: Info('a\\n$x');"],
  },
  {
    name: 'data outside of quotes',
    text: 'Info(\\<41 2c 42>, \\<")> 41>)',
    flat: ['Info@1 :: Info(\\<41 2c 42>, \\<")> 41>);'],
  },
  {
    name: 'an escaped quote',
    text: 'Info("a \\" , b", c)',
    flat: ['Info@1 :: Info("a \\" , b", c);'],
  },
  {
    name: 'a configuration that does not end',
    text: 'Info(a, b; Info',
    errors: ["f:1:16: expected ')'"],
  },
  {
    name: 'a variable',
    text: 'define($a 1, $b 2 3); Info($a, $b, $a$b)',
    flat: ['Info@1 :: Info(1, 2 3, 12 3);'],
  },
  {
    name: 'a variable in braces',
    text: 'define($a 1); Info(${a}b, ${ a })',
    flat: ['Info@1 :: Info(1b, 1);'],
  },
  {
    name: 'a default',
    text: 'define($a 1); Info(${a-5}, ${x-5 6}, ${x-}, ${x-$a})',
    flat: ['Info@1 :: Info(1, 5 6, , 1);'],
  },
  {
    name: 'a word of a value',
    text: 'define($a "x y" z  w); Info(${a[0]}, ${a[1]}, ${a[2]}, ${a[3]}, ${a[9]})',
    flat: ['Info@1 :: Info("x y", z, w, ,);'],
  },
  {
    name: 'a variable of a variable',
    text: 'define($a $b, $b 7); Info($a)',
    flat: ['Info@1 :: Info(7);'],
  },
  {
    name: 'variables that go in circles',
    text: 'define($a $b, $b $a); Info($a)',
    flat: ['Info@1 :: Info($b);'],
  },
  {
    name: 'an unknown variable stays',
    text: 'Info($x, ${x}, "$x")',
    flat: ['Info@1 :: Info($x, ${x}, "$x");'],
  },
  {
    name: 'a value in double quotes is quoted again',
    text: 'define($a "b\\n c", $d \\e); Info("x $a", "$d")',
    flat: ['Info@1 :: Info("x \\"b\\\\n c\\"", "\\\\e");'],
  },
  {
    name: 'no variables in single quotes and comments',
    text: "define($a 1); Info('$a', b /* $a */)",
    flat: ["Info@1 :: Info('$a', b);"],
  },
  {
    name: 'an escaped dollar',
    text: 'define($a 1); Info("\\$a")',
    flat: ['Info@1 :: Info("\\$a");'],
  },
  {
    name: 'a value with commas makes several arguments',
    text: 'define($a "x, y"); elementclass P { __REST__ $r | Info($r) } P(1, 2, $a)',
    flat: ['P@1/Info@1 :: Info(1, 2, "x, y");'],
  },
  {
    name: 'definitions may follow their use',
    text: 'Info($a); define($a 1)',
    flat: ['Info@1 :: Info(1);'],
  },
  {
    name: 'definitions inside a compound',
    text: 'define($a 1); c :: { define($a 2, $b $a$a); Info($a, $b) }; Info($a, $b)',
    flat: ['Info@2 :: Info(1, $b);', 'c/Info@1 :: Info(2, 22);'],
  },
  {
    name: 'a definition that extends the one outside',
    text: 'define($a 1); c :: { define($b $a$a, $a $a 2); Info($a, $b) }',
    flat: ['c/Info@1 :: Info(1 2, 1 21 2);'],
  },
  {
    name: 'a definition twice',
    text: `define($a 1);
define($a 2); Info($a)`,
    errors: ["f:2:8: parameter '$a' multiply defined"],
  },
  {
    name: 'a definition of a parameter',
    text: 'elementclass P { $a | define($a 2); Info($a) } P(1)',
    errors: ["f:1:30: parameter '$a' multiply defined"],
  },
  {
    name: 'a definition of no variable',
    text: 'define(a 1, $ 2, $b-c 3)',
    errors: [
      "f:1:8: bad 'define' declaration: not a variable",
      "f:1:13: bad 'define' declaration: not a variable",
      "f:1:18: bad 'define' declaration: not a variable",
    ],
  },
  {
    name: 'a definition without its parentheses',
    text: 'define $a 1; Info',
    errors: ["f:1:8: expected '('"],
  },
  {
    name: 'the command line wins',
    text: 'define($a 1); Info($a, $b)',
    defines: { a: '9', b: '8' },
    flat: ['Info@1 :: Info(9, 8);'],
  },
];
