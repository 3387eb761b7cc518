/**
 * Descriptors that are made for other processes, and handed to them. They are plain numbers, are not inherited by
 * child processes, and whoever asked for one closes it. What fails throws an Error whose `code` is that of errno.
 */
export interface DescriptorsNative {
  /** Two connected unix stream sockets, which do not block. */
  streamPair(): [ours: number, theirs: number];
  /** A file of so many bytes in memory, which reads as zeros and can be sealed. The name is for people. */
  memoryFile(name: string, size: number): number;
  /** Another descriptor of the same open file. */
  duplicate(fd: number): number;
  /**
   * Sends bytes over a unix stream socket, and with the first of them the descriptors, at most 253. Never waits.
   * @returns how many bytes were sent, and with them all descriptors; 0 if there is no room now.
   */
  sendDescriptors(socket: number, bytes: Uint8Array, fds: Int32Array): number;
}
