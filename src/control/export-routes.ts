import { isIPv4 } from 'node:net';
import { describeExport, type ExportControl } from './export-control.js';
import type { Failure } from './failure.js';
import { type Orders, plain, type Reply } from './http.js';

/** Whether a connection comes from this machine. */
function isLocal(remote: string): boolean {
  const address = remote.replace(/^::ffff:/, '');
  return address === '::1' || (isIPv4(address) && address.startsWith('127.'));
}

const who = (remote: string, query: URLSearchParams) => {
  const name = query.get('by');
  return `${name ? `${name} ` : ''}(HTTP from ${remote})`;
};

/** What export is asked by HTTP: anybody may stop it, and only who can read the folder of state may lift that. */
export function exportOrders(exports: ExportControl): Orders {
  return {
    '/stop-export': ({ remote, query }): Reply => {
      const state = exports.stop(who(remote, query), query.get('reason') ?? '');
      // It is stopped in any case; but whoever asked believes that it will stay so.
      return plain(state.stopped && state.trouble !== undefined ? 500 : 200, `${describeExport(state)}\n`);
    },
    '/allow-export': ({ remote, query, bearer }): Reply => {
      const reason = query.get('reason')?.trim();
      if (!isLocal(remote)) return plain(403, 'export can be allowed from this machine alone\n');
      if (!reason) return plain(400, 'expected a reason: /allow-export?reason=…\n');
      if (!exports.killSwitch.stopped) return plain(200, 'export was not stopped\n');
      if (exports.locked && !exports.opens(bearer ?? '')) {
        const { state } = exports;
        return plain(403, `expected the key in ${state.stopped ? state.file : ''}\n`);
      }
      try {
        exports.allow(who(remote, query), reason);
        return plain(200, 'export is allowed again\n');
      } catch (error) {
        return plain(500, `${(error as Failure).message}\n`);
      }
    },
  };
}
