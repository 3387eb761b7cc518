/** Something that the person at the terminal can put right: it is printed as it is, without a stack trace. */
export class Failure extends Error {}
