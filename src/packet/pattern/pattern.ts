/** Click's pattern language for IP packets: `parsePattern`, then `compile` one or several. */
export { Classifier, compile } from './classifier.js';
export { parsePattern } from './parser.js';
export { type Pattern, PatternError } from './syntax.js';
