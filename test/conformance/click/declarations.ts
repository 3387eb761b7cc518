import type { Case } from './case.js';

/** Declarations and names. */
export const declarations: Case[] = [
  {
    name: 'a declaration and a connection',
    text: 'a :: Source; b :: Discard; a -> b;',
    flat: ['a :: Source;', 'b :: Discard;', 'a -> b;'],
  },
  {
    name: 'semicolons are optional between statements',
    text: 'a :: Source b :: Discard a -> b',
    flat: ['a :: Source;', 'b :: Discard;', 'a -> b;'],
  },
  {
    name: 'several names share a class and a configuration',
    text: 'a, b :: Source(1, 2); a, b -> Discard',
    flat: ['a :: Source(1, 2);', 'b :: Source(1, 2);', 'Discard@3 :: Discard;', 'a -> Discard@3;', 'b -> Discard@3;'],
  },
  {
    name: 'names in a chain do not share a class',
    text: 'a, b :: Source -> Discard',
    errors: ["f:1:1: undeclared element 'a'"],
  },
  {
    name: 'names with ports do not share a class',
    text: 'a, b :: Queue [0]',
    errors: [
      "f:1:1: undeclared element 'a'",
      'f:1:15: output ports ignored at end of chain',
      "f:1:4: 'b' input 0 unused",
      "f:1:4: 'b' output 0 unused",
    ],
  },
  {
    name: 'an element declared in a connection',
    text: 'Source -> q :: Queue(3) -> d :: Discard',
    flat: ['Source@1 :: Source;', 'q :: Queue(3);', 'd :: Discard;', 'Source@1 -> q -> d;'],
  },
  {
    name: 'anonymous elements are named by class and number',
    text: 'Source -> Queue -> Discard; Source -> Discard',
    flat: [
      'Source@1 :: Source;',
      'Queue@2 :: Queue;',
      'Discard@3 :: Discard;',
      'Source@4 :: Source;',
      'Discard@5 :: Discard;',
      'Source@1 -> Queue@2 -> Discard@3;',
      'Source@4 -> Discard@5;',
    ],
  },
  {
    name: 'an anonymous name that is taken moves on',
    text: 'Source -> Discard@2; Discard@2 :: Discard',
    errors: ["f:1:11: undeclared element 'Discard@2' (did you mean 'Discard'?)"],
  },
  {
    name: 'a taken anonymous name',
    text: 'Source -> Queue -> Discard; Queue@2 :: Info; Queue@3 :: Info',
    flat: [
      'Source@1 :: Source;',
      'Queue@4 :: Queue;',
      'Discard@3 :: Discard;',
      'Queue@2 :: Info;',
      'Queue@3 :: Info;',
      'Source@1 -> Queue@4 -> Discard@3;',
    ],
  },
  {
    name: 'identifiers may hold slashes and at-signs',
    text: 'a/b_1@c :: Info',
    flat: ['a/b_1@c :: Info;'],
  },
  {
    name: 'an identifier ends before two slashes',
    text: `a/b//c
:: Info`,
    flat: ['a/b :: Info;'],
  },
  {
    name: 'an element of a class that is declared by the same name',
    text: 'Info :: Info',
    errors: ["f:1:1: class 'Info' used as element name"],
  },
  {
    name: 'redeclaration',
    text: `a :: Info;
a :: Source`,
    errors: ["f:2:1: redeclaration of element 'a'", "f:1:1: element 'a' previously declared here"],
  },
  {
    name: 'a name used before it is declared',
    text: 'Source -> d; d :: Discard',
    errors: ["f:1:11: undeclared element 'd'"],
  },
  {
    name: 'an unknown class with a close one',
    text: 'a :: Sourec; a -> Discard',
    errors: ["f:1:6: unknown element class 'Sourec' (did you mean 'Source'?)"],
  },
  {
    name: 'an unknown class with none close',
    text: 'a :: Xyzzy; b :: Xyzzy',
    errors: ["f:1:6: unknown element class 'Xyzzy'"],
  },
  {
    name: 'an undeclared element',
    text: 'Source -> couter',
    errors: ["f:1:11: undeclared element 'couter' (did you mean 'Counter'?)"],
  },
  {
    name: 'an undeclared element is reported once',
    text: 'Source -> x; Source -> x; x -> Discard',
    errors: ["f:1:11: undeclared element 'x'"],
  },
  {
    name: 'a name with an all-digit component',
    text: '12 :: Info; a/3 :: Info',
    errors: ["f:1:1: element name '12' has all-digit component", "f:1:13: element name 'a/3' has all-digit component"],
  },
  {
    name: 'a keyword is no name',
    text: 'require :: Info',
    errors: ["f:1:9: expected '('"],
  },
  {
    name: 'a missing class',
    text: 'a :: ; b :: Info',
    errors: ['f:1:6: missing element type in declaration'],
  },
  {
    name: 'configuration on a reference',
    text: 'a :: Source; a(3) -> Discard',
    errors: ['f:1:14: configuration string ignored on element reference'],
  },
  {
    name: 'an element that is only mentioned',
    text: 'a :: Info; a;',
    flat: ['a :: Info;'],
  },
  {
    name: 'an empty file',
    text: ` // nothing
`,
    flat: [],
  },
  {
    name: 'a script names its interpreter',
    text: `#!/usr/bin/potemkin
Info`,
    flat: ['Info@1 :: Info;'],
  },
];
