/** Why the memory pool refuses. native/poolfailure.h has the same codes, save POOL_DELTA. */
export const POOL_ERRORS = {
  POOL_RANGE: 'a window, page or size outside what there is',
  POOL_BUDGET: 'the pool would exceed its memory budget',
  POOL_CAP: 'the clone would differ from its image by more than a clone may',
  POOL_CLONES: 'the pool, or vm.max_map_count, has no room for another clone',
  POOL_SEALED: 'the image is sealed and cannot be written',
  POOL_UNSEALED: 'the image is not sealed and cannot be cloned',
  POOL_BUSY: 'somebody else still uses it: a writer, a mapping or a clone',
  POOL_IMAGE: 'the clones, or a clone and a delta, belong to different images',
  POOL_CLOSED: 'the pool, image or clone is closed',
  POOL_DELTA: 'the delta file is damaged; `offset` says where',
  POOL_SYSTEM: 'the operating system refused',
} as const;

export type PoolErrorCode = keyof typeof POOL_ERRORS;

/** A refusal of the memory pool. The code is stable, the message is not. */
export class PoolError extends Error {
  override readonly name = 'PoolError';
  readonly code: PoolErrorCode;
  /** Of a batch: the entry that was refused. Those before it are done, none after it. */
  readonly index: number | undefined;
  /** Of a delta file: the byte at which it is wrong. */
  readonly offset: number | undefined;

  constructor(code: PoolErrorCode, message: string, at: { index?: number | undefined; offset?: number } = {}) {
    super(message);
    this.code = code;
    this.index = at.index;
    this.offset = at.offset;
  }
}
