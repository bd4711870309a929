/** Fields of a message, by number. One that is not named is skipped. */
export interface Message {
  readonly [number: number]: Field;
}

/** `[]` behind a name: the field repeats. `hex` is bytes that stand as text of digits. */
export type Field = readonly [name: string, type: Scalar | (() => Message)];

type Scalar = "text" | "hex" | "varint" | "bool" | "double" | "fixed64" | "signed64";

/** What a field holds, by how its tag says that it is written. */
const VARINT = 0;
const EIGHT_BYTES = 1;
const DELIMITED = 2;
const FOUR_BYTES = 5;

/**
 * Decodes one message of Protocol Buffers.
 *
 * @returns Named fields only. A field that was not sent is absent, a repeated one is `[]`.
 * @throws {Error} if it is cut short, or a field is written otherwise than its type is.
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export function decodeProtobuf(bytes: Buffer, message: Message): Readonly<Record<string, unknown>> {
  const told: Record<string, unknown> = {};
  for (const [name] of Object.values(message) as readonly Field[])
    if (name.endsWith("[]")) told[name.slice(0, -2)] = [];
  const reader = readerOf(bytes);
  while (!reader.isAtEnd()) {
    const tag = Number(reader.varint());
    const field = message[tag >>> 3];
    const raw = reader.raw(tag & 7);
    if (field === undefined) continue;
    const [name, type] = field;
    const value = typeof type === "string" ? scalar(raw, type) : decodeProtobuf(bytesOf(raw), type());
    if (name.endsWith("[]")) (told[name.slice(0, -2)] as unknown[]).push(value);
    else told[name] = value;
  }
  return told;
}

function readerOf(bytes: Buffer) {
  let at = 0;
  const take = (length: number): Buffer => {
    const taken = bytes.subarray(at, at + length);
    if (taken.length < length) throw new Error(`cut short at byte ${at}`);
    at += length;
    return taken;
  };
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = take(1)[0]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new Error(`a number without an end at byte ${at}`);
  };
  return {
    isAtEnd: () => at === bytes.length,
    varint,
    raw(wireType: number): bigint | Buffer {
      if (wireType === VARINT) return varint();
      if (wireType === EIGHT_BYTES) return take(8);
      if (wireType === DELIMITED) return take(Number(varint()));
      if (wireType === FOUR_BYTES) return take(4);
      throw new Error(`wire type ${wireType} at byte ${at}`);
    },
  };
}

function scalar(raw: bigint | Buffer, type: Scalar): unknown {
  if (type === "varint" || type === "bool") {
    if (typeof raw !== "bigint") throw new Error("bytes where a number was expected");
    return type === "bool" ? raw !== 0n : Number(BigInt.asIntN(64, raw));
  }
  const bytes = bytesOf(raw);
  if (type === "text") return bytes.toString("utf8");
  if (type === "hex") return bytes.toString("hex");
  if (bytes.length !== 8) throw new Error(`${bytes.length} bytes where 8 were expected`);
  if (type === "double") return bytes.readDoubleLE();
  return Number(type === "signed64" ? bytes.readBigInt64LE() : bytes.readBigUInt64LE());
}

function bytesOf(raw: bigint | Buffer): Buffer {
  if (typeof raw === "bigint") throw new Error("a number where bytes were expected");
  return raw;
}
