/** Decodes one value of MessagePack as tracers send it. @throws {Error} at a type that they don't use. @see https://github.com/msgpack/msgpack/blob/master/spec.md */
export function decodeMsgpack(bytes: Buffer): unknown {
  let at = 0;
  const unsigned = (size: number): number => {
    const value = size === 8 ? Number(bytes.readBigUInt64BE(at)) : bytes.readUIntBE(at, size);
    at += size;
    return value;
  };
  const signed = (size: number): number => {
    const value = size === 8 ? Number(bytes.readBigInt64BE(at)) : bytes.readIntBE(at, size);
    at += size;
    return value;
  };
  const raw = (length: number): Buffer => {
    const value = bytes.subarray(at, at + length);
    if (value.length < length) throw new Error(`cut short at byte ${at}`);
    at += length;
    return value;
  };
  const text = (length: number): string => raw(length).toString("utf8");
  const list = (length: number): unknown[] => Array.from({ length }, () => read());
  const map = (length: number): Record<string, unknown> =>
    Object.fromEntries(Array.from({ length }, () => [String(read()), read()]));
  const double = (size: 4 | 8): number => {
    const value = size === 4 ? bytes.readFloatBE(at) : bytes.readDoubleBE(at);
    at += size;
    return value;
  };
  const byCode = new Map<number, () => unknown>([
    [0xc0, () => null],
    [0xc2, () => false],
    [0xc3, () => true],
    [0xc4, () => raw(unsigned(1))],
    [0xc5, () => raw(unsigned(2))],
    [0xc6, () => raw(unsigned(4))],
    [0xca, () => double(4)],
    [0xcb, () => double(8)],
    [0xcc, () => unsigned(1)],
    [0xcd, () => unsigned(2)],
    [0xce, () => unsigned(4)],
    [0xcf, () => unsigned(8)],
    [0xd0, () => signed(1)],
    [0xd1, () => signed(2)],
    [0xd2, () => signed(4)],
    [0xd3, () => signed(8)],
    [0xd9, () => text(unsigned(1))],
    [0xda, () => text(unsigned(2))],
    [0xdb, () => text(unsigned(4))],
    [0xdc, () => list(unsigned(2))],
    [0xdd, () => list(unsigned(4))],
    [0xde, () => map(unsigned(2))],
    [0xdf, () => map(unsigned(4))],
  ]);
  function read(): unknown {
    const code = unsigned(1);
    if (code < 0x80) return code;
    if (code < 0x90) return map(code & 0x0f);
    if (code < 0xa0) return list(code & 0x0f);
    if (code < 0xc0) return text(code & 0x1f);
    if (code >= 0xe0) return code - 0x100;
    const decode = byCode.get(code);
    if (decode === undefined) throw new Error(`type 0x${code.toString(16)} at byte ${at - 1}`);
    return decode();
  }
  return read();
}
