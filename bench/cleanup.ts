/**
 * What must be removed, whatever happens: at the end, after a failure, or when a signal ends the bench. All of it blocks, so
 * that it can be done while the process ends.
 */
export class Cleanup {
  private readonly steps: (() => void)[] = [];
  private readonly onSignal = (signal: NodeJS.Signals) => {
    this.run();
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };

  constructor() {
    process.on('SIGINT', this.onSignal).on('SIGTERM', this.onSignal);
  }

  /** Does this in the end, before all that was added earlier. @returns a function that does it now instead */
  add(step: () => void): () => void {
    this.steps.push(step);
    return () => {
      const at = this.steps.indexOf(step);
      if (at >= 0) this.steps.splice(at, 1);
      step();
    };
  }

  run(): void {
    for (let step = this.steps.pop(); step; step = this.steps.pop()) {
      try {
        step();
      } catch (error) {
        console.error(`bench: ${(error as Error).message}`);
        process.exitCode = 1;
      }
    }
    process.off('SIGINT', this.onSignal).off('SIGTERM', this.onSignal);
  }
}
