/**
 * Parts of the column `rewrite`: what is to be replaced, by number plus 1, and whether the flow was decided anew by this packet,
 * after others of it had passed.
 */
export const REWRITE = { number: 0x7fff, anew: 0x8000 } as const;
