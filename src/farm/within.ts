/**
 * What a promise comes to, if that is in so many milliseconds and before `end` is aborted. What it comes to later is
 * nobody's: who must clean up after it looks at the promise itself.
 * @throws {Error} `what` and how long it took, or why `end` was aborted
 */
export function within<T>(promise: Promise<T>, ms: number, what: string, end?: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => settle(() => reject(end!.reason));
    const timer = setTimeout(() => settle(() => reject(new Error(`${what} took more than ${ms / 1000} s`))), ms);
    const settle = (act: () => void) => {
      clearTimeout(timer);
      end?.removeEventListener('abort', abort);
      act();
    };
    promise.then(
      (value) => settle(() => resolve(value)),
      (error: unknown) => settle(() => reject(error)),
    );
    if (end?.aborted) abort();
    else end?.addEventListener('abort', abort);
  });
}
