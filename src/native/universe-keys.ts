/** What shares a universe. Use it through src/packet/universe-keys.ts. */
export interface UniverseKeysNative {
  /**
   * Gives n rows the universes that the table has for their keys. That of the others becomes 0, and their keys get numbers of this
   * turn. Throws a TypeError if `keys` is not as long as native/universe_keys.h says, or `universes` is not the memory of a table
   * with keys of three words and values of one or more, and a RangeError if another argument is not as described.
   * @param by what a key has of a packet: KEY_BY of src/packet/universe-keys.ts
   */
  universeKeysRead(
    keys: Uint8Array,
    universes: Uint8Array,
    packets: Uint8Array,
    rows: Uint16Array,
    n: number,
    by: number,
  ): void;
}
