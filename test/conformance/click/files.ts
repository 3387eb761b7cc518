import type { Case } from './case.js';

/** Requirements, landmarks, comments and what to do about errors. */
export const files: Case[] = [
  {
    name: 'packages',
    text: 'require(package a, package "b c", d); Info',
    flat: ['require(package a);', 'require(package "b c");', 'require(package d);', 'Info@1 :: Info;'],
  },
  {
    name: 'compact configuration',
    text: 'require(compact_config); Info',
    flat: ['require(compact_config);', 'Info@1 :: Info;'],
  },
  {
    name: 'a requirement that is none',
    text: 'require(package, foo bar); Info',
    errors: ['f:1:9: syntax error at requirement', 'f:1:18: syntax error at requirement'],
  },
  {
    name: 'a library',
    text: 'require(library lib); Thing',
    libraries: {
      lib: 'elementclass Thing { Info(lib) }',
      outer: 'require(library lib); require(library outer)',
      bad: 'Info ]',
    },
    flat: ['Thing@1/Info@1 :: Info(lib);'],
  },
  {
    name: 'a library is read once',
    text: 'require(library lib); require(library lib, library lib); Thing',
    libraries: {
      lib: 'elementclass Thing { Info(lib) }',
      outer: 'require(library lib); require(library outer)',
      bad: 'Info ]',
    },
    flat: ['Thing@1/Info@1 :: Info(lib);'],
  },
  {
    name: 'a library within a library',
    text: 'require(library outer); Thing',
    libraries: {
      lib: 'elementclass Thing { Info(lib) }',
      outer: 'require(library lib); require(library outer)',
      bad: 'Info ]',
    },
    flat: ['Thing@1/Info@1 :: Info(lib);'],
  },
  {
    name: 'a library that is not there',
    text: 'require(library none); Info',
    libraries: {
      lib: 'elementclass Thing { Info(lib) }',
      outer: 'require(library lib); require(library outer)',
      bad: 'Info ]',
    },
    errors: ["f:1:9: library 'none' not found"],
  },
  {
    name: 'a library inside a compound',
    text: 'c :: { require(library lib) }',
    libraries: {
      lib: 'elementclass Thing { Info(lib) }',
      outer: 'require(library lib); require(library outer)',
      bad: 'Info ]',
    },
    errors: ["f:1:16: 'require library' must be used at file scope"],
  },
  {
    name: 'an error in a library',
    text: 'require(library bad); Info',
    libraries: {
      lib: 'elementclass Thing { Info(lib) }',
      outer: 'require(library lib); require(library outer)',
      bad: 'Info ]',
    },
    errors: ["bad:1:6: syntax error near ']'"],
  },
  {
    name: 'a line directive',
    text: `# 40 "other.click"
x
#line 7
  y
# 3 ""
z`,
    errors: [
      "other.click:40:1: undeclared element 'x'",
      "other.click:7:3: undeclared element 'y'",
      "f:3:1: undeclared element 'z'",
    ],
  },
  {
    name: 'a directive in a configuration',
    text: `Info(a,
# 9 "f"
 b) x`,
    errors: ["f:9:5: undeclared element 'x'"],
  },
  {
    name: 'a directive that is none',
    text: `#include <x>
Info`,
    errors: ['f:1:1: unknown preprocessor directive'],
  },
  {
    name: 'comments',
    text: `Info // a
/* b
 */ x`,
    errors: ["f:3:5: undeclared element 'x'"],
  },
  {
    name: 'a comment that does not end',
    text: 'Info /* x',
    flat: ['Info@1 :: Info;'],
  },
  {
    name: 'lines end in CR, LF or both',
    text: 'Info\r\nInfo\rInfo\n  x',
    errors: ["f:4:3: undeclared element 'x'"],
  },
  {
    name: 'strange characters',
    text: 'Info ; é ; Info',
    errors: ["f:1:8: syntax error near 'é'"],
  },
  {
    name: 'a stray bracket',
    text: 'Info ) Info',
    errors: ["f:1:6: syntax error near ')'"],
  },
  {
    name: 'several errors, each once',
    text: 'a :: Nope; b -> Discard; Source -> [3] Discard; c :: Info; c :: Info; d :: }',
    errors: [
      'f:1:76: missing element type in declaration',
      "f:1:76: syntax error near '}'",
      "f:1:6: unknown element class 'Nope'",
      "f:1:12: undeclared element 'b'",
      "f:1:60: redeclaration of element 'c'",
      "f:1:49: element 'c' previously declared here",
      "f:1:37: 'Discard@5' has no input 3",
    ],
  },
  {
    name: 'a definition in a compound hides the one outside',
    text: 'define($a 1); c :: { define($a 2); { Info($a) } }; Info($a)',
    flat: ['Info@2 :: Info(1);', 'c/@1/Info@1 :: Info(2);'],
  },
  {
    name: 'ports are not missed after a syntax error',
    text: 'c :: { input -> Discard; input [1] -> Discard }; Source -> c; Source -> ] -> [1] c',
    errors: ["f:1:73: syntax error near ']'"],
  },
  {
    name: 'ports that are not there are reported after a syntax error',
    text: 'Source -> ] Info; Source -> [1] Discard',
    errors: ["f:1:11: syntax error near ']'", "f:1:30: 'Discard@3' has no input 1"],
  },
  {
    name: 'what an error swallows is not missed',
    text: 'a :: Source | b :: Discard; a -> b',
    errors: ["f:1:13: syntax error near '|'"],
  },
  {
    name: 'a reserved word',
    text: 'provide(x); Info',
    errors: ["f:1:1: syntax error near 'provide'"],
  },
];
