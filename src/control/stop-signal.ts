/**
 * SIGUSR1 stops export. Node.js would open its debugger at that signal, which is a way into the process for whoever
 * reaches the port: so this is imported first, and takes the signal from then on, for good.
 */
import inspector from 'node:inspector';

let asked = false;
let take = () => {
  asked = true;
};

process.on('SIGUSR1', () => take());

/** Whether somebody has asked for the debugger by an option, as a developer may. */
const wanted = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].some((text) =>
  /--inspect(-brk|-wait)?(=|\s|$)/.test(text),
);

// The signal came before this line: it meant the same.
if (inspector.url() !== undefined && !wanted) {
  inspector.close();
  asked = true;
}

/** Calls at each signal, and at once if there was one already. */
export function onStopSignal(call: () => void): void {
  take = call;
  if (asked) call();
  asked = false;
}
