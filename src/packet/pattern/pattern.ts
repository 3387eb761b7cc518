/** Click's pattern language for IP packets: `parsePattern`, then `compile` one or several. */
export { Classifier, compile } from './classifier.js';
export { PATTERN_WORDS, parseExtended, parsePattern } from './parser.js';
export { type Pattern, PatternError } from './syntax.js';
export type { Range, Vocabulary, Words } from './vocabulary.js';
