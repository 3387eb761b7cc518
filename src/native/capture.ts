/** Why a read of a capture stopped, by number. All but the first two are damage. native/capture.h says the same. */
export const CAPTURE_STATUS = [
  ['more', 'at the end of the chunk, or inside of a record that goes on behind it'],
  ['full', 'all rows are taken'],
  ['not-capture', 'neither a pcap nor a pcapng file'],
  ['version', 'a version of the capture format that is not known'],
  ['link-type', 'a link type that is not known'],
  ['record-length', 'a record longer than its file allows'],
  ['block-length', 'a block whose length is impossible, or not the same at its end'],
  ['block-contents', 'a block that promises more than it holds'],
  ['interface', 'a packet of an interface that was not described'],
  ['interfaces', 'more than 256 interfaces in one section'],
  ['resolution', 'a time resolution that 64 bits cannot hold'],
] as const;

export type CaptureStatus = (typeof CAPTURE_STATUS)[number][0];

/** A chunk of so many bytes always holds a whole record, so that a read of it gets on or says what is wrong. */
export const CAPTURE_CHUNK = 256 * 1024 + 4096;

/** Places of the results in the state of a capture, as words of 32 bits; the first two are `position`, a double. */
export const CAPTURE_RESULT = { consumed: 2, rows: 3, status: 4, faulty: 5, bytes: 8 } as const;

/** Capture files. Use the readers and writers of src/packet/capture.ts. */
export interface CaptureNative {
  /** Bytes of the state of a capture: all zero to begin with, aligned to 8. */
  readonly captureBytes: number;
  /**
   * Reads on from chunk, fills rows from `first` on, at most `most`, and returns how many; the other results are in
   * state. Throws a TypeError or RangeError if an argument is not as described.
   */
  captureRead(state: Uint8Array, chunk: Uint8Array, packets: Uint8Array, first: number, most: number): number;
  /** Writes the rows as pcap records into `into` and returns the bytes. Throws a RangeError if there are too few. */
  captureWrite(packets: Uint8Array, rows: Uint16Array, count: number, nanoseconds: boolean, into: Uint8Array): number;
  /** Offset of the IPv4 packet in a frame of that link type, or minus the number of a fault. */
  linkStrip(linkType: number, frame: Uint8Array): number;
}
