/** What export policy can decide for an outbound flow. 0 in the `verdict` column means not decided yet. */
export const VERDICT = { undecided: 0, forward: 1, reflect: 2, redirect: 3, drop: 4, reset: 5 } as const;

export type VerdictName = keyof typeof VERDICT;
