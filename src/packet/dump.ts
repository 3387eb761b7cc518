/** Bytes in hexadecimal, in groups of four. */
export function hexDump(bytes: Uint8Array): string {
  return (
    Buffer.from(bytes)
      .toString('hex')
      .match(/.{1,8}/g)
      ?.join(' ') ?? ''
  );
}

/** Bytes as text, in groups of eight; what is not printable ASCII is a dot. */
export function asciiDump(bytes: Uint8Array): string {
  const text = Array.from(bytes, (byte) => (byte < 32 || byte > 126 ? '.' : String.fromCharCode(byte))).join('');
  return text.match(/.{1,8}/g)?.join(' ') ?? '';
}

/** `1183416003.312837`: seconds and microseconds. */
export function formatTimestamp(sec: number, nsec: number): string {
  return `${sec}.${String(Math.floor(nsec / 1000)).padStart(6, '0')}`;
}
