import type { Case } from './case.js';

/** Groups: ( … ). */
export const groups: Case[] = [
  {
    name: 'a group',
    text: 'Source -> ( input -> Queue -> output ) -> Discard',
    flat: ['Source@1 :: Source;', 'Queue@5 :: Queue;', 'Discard@6 :: Discard;', 'Source@1 -> Queue@5 -> Discard@6;'],
  },
  {
    name: 'implied ports',
    text: 'Source -> ( [0] -> Queue -> [0] ) -> Discard',
    flat: ['Source@1 :: Source;', 'Queue@5 :: Queue;', 'Discard@6 :: Discard;', 'Source@1 -> Queue@5 -> Discard@6;'],
  },
  {
    name: 'implied without ports',
    text: 'Source -> ( -> Queue -> ) -> Discard',
    flat: ['Source@1 :: Source;', 'Queue@5 :: Queue;', 'Discard@6 :: Discard;', 'Source@1 -> Queue@5 -> Discard@6;'],
  },
  {
    name: 'an empty detour',
    text: 'Source -> (->) -> Discard',
    flat: ['Source@1 :: Source;', 'Discard@5 :: Discard;', 'Source@1 -> Discard@5;'],
  },
  {
    name: 'a detour for one port',
    text: 'Source -> c :: Classifier(1) => ( input [0] -> output; input [1] -> Paint(1) -> output ) -> Discard',
    flat: [
      'Source@1 :: Source;',
      'c :: Classifier(1);',
      'Paint@6 :: Paint(1);',
      'Discard@7 :: Discard;',
      'Source@1 -> c -> Discard@7;',
      'c [1] -> Paint@6 -> Discard@7;',
    ],
  },
  {
    name: 'groups one after another',
    text: 'Source -> ( [0] -> [0]; [0] -> [0] ) => ( [0] -> [0] ) -> Discard',
    flat: ['Source@1 :: Source;', 'Discard@8 :: Discard;', 'Source@1 -> Discard@8;'],
  },
  {
    name: 'a group connects all of its ports',
    text: 'Source, Source => ( [0] -> [0]; [1] -> [1] ) => Discard, Discard',
    flat: [
      'Source@1 :: Source;',
      'Source@2 :: Source;',
      'Discard@6 :: Discard;',
      'Discard@7 :: Discard;',
      'Source@1 -> Discard@6;',
      'Source@2 -> Discard@7;',
    ],
  },
  {
    name: 'ports of a group may be overridden',
    text: 't :: Tee; Source -> t; t [1,0] => ( [0] -> Paint(0) -> [0]; [1] -> Paint(1) -> [1] ) -> Discard',
    flat: [
      't :: Tee;',
      'Source@2 :: Source;',
      'Paint@6 :: Paint(0);',
      'Paint@7 :: Paint(1);',
      'Discard@8 :: Discard;',
      't -> Paint@7 -> Discard@8;',
      't [1] -> Paint@6 -> Discard@8;',
      'Source@2 -> t;',
    ],
  },
  {
    name: 'a group shares the scope around it',
    text: '( q :: Queue ); Source -> q -> Discard',
    flat: ['q :: Queue;', 'Source@5 :: Source;', 'Discard@6 :: Discard;', 'q -> Discard@6;', 'Source@5 -> q;'],
  },
  {
    name: 'a group in a group',
    text: 'Source -> ( -> ( -> Queue -> ) -> Paint -> ) -> Discard',
    flat: [
      'Source@1 :: Source;',
      'Queue@8 :: Queue;',
      'Paint@9 :: Paint;',
      'Discard@10 :: Discard;',
      'Source@1 -> Queue@8 -> Paint@9 -> Discard@10;',
    ],
  },
  {
    name: 'a group in a compound',
    text: 'Source -> c :: { input -> ( -> Queue -> ) -> output } -> Discard',
    flat: [
      'Source@1 :: Source;',
      'Discard@3 :: Discard;',
      'c/Queue@4 :: Queue;',
      'Source@1 -> c/Queue@4 -> Discard@3;',
    ],
  },
  {
    name: 'what a group declares, the set may use',
    text: 'x, ( x :: Info )',
    flat: ['x :: Info;'],
  },
  {
    name: 'a group with a missing port',
    text: 'Source -> ( [0] -> [0]; [2] -> Discard ) -> Discard',
    errors: ["f:1:11: '<anonymous group>' input 1 missing"],
  },
  {
    name: 'a group whose outputs go nowhere',
    text: 'Source -> ( -> Queue -> )',
    errors: ['f:1:11: output ports ignored at end of chain'],
  },
  {
    name: 'input as an input',
    text: 'Source -> ( Source -> input; [0] -> [0] ) -> Discard',
    errors: ["f:1:23: '<anonymous group>' pseudoelement 'input' may only be used as output"],
  },
  {
    name: 'output as an output',
    text: 'Source -> ( [0] -> [0]; output -> Discard ) -> Discard',
    errors: ["f:1:25: '<anonymous group>' pseudoelement 'output' may only be used as input"],
  },
  {
    name: 'implicit ports within a chain',
    text: 'Source -> ( -> [0], Queue -> Discard ) ',
    errors: ['f:1:27: implicit ports used in the middle of a chain'],
  },
  {
    name: 'a chain that starts in the middle',
    text: 'Source -> ( -> Queue -> Discard; -> Queue -> output ) -> Discard',
    errors: [
      "f:1:34: warning: suggest 'input ->' or '[0] ->' to start connection",
      "f:1:8: illegal reuse of 'Source@1' push output 0",
    ],
  },
  {
    name: 'a group that does not end',
    text: 'Source -> ( -> Queue -> ',
    errors: ["f:1:25: expected ')'"],
  },
  {
    name: 'a brace in a group',
    text: 'Source -> ( -> } Info',
    errors: ["f:1:16: syntax error near '}'", "f:1:22: expected ')'"],
  },
  {
    name: 'input outside',
    text: 'input -> Discard',
    errors: ["f:1:1: undeclared element 'input'"],
  },
  {
    name: 'nested too deep',
    text: '( '.repeat(51) + ') '.repeat(51),
    errors: ['f:1:101: maximum element group nesting depth exceeded'],
  },
];
