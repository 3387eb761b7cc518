import { Connection } from './connection.js';

/** Where a machine's memory holds what: its state, then a send buffer a connection, then the working set. */
export const STATE_BYTES = 4096;
export const NAME_AT = 64;
export const NAME_BYTES = 63;
export const CONNECTIONS_AT = 256;
export const CONNECTIONS = (STATE_BYTES - CONNECTIONS_AT) / Connection.size;
export const BUFFERS_AT = 16384;
export const SEND_BUFFER = 8192;
export const WORKING_SET_AT = 512 * 1024;
