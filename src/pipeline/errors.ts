import type { AnyElement } from './element.js';

/** An element ended more or fewer rows than it was given. */
export class ConservationError extends Error {}

/** An element failed. The message begins with its name. */
export class ElementError extends Error {
  readonly element: string;

  constructor(element: AnyElement, cause: unknown) {
    const message = cause instanceof Error ? cause.message : String(cause);
    super(message.startsWith(`${element.name}: `) ? message : `${element.name}: ${message}`, { cause });
    this.element = element.name;
  }
}
