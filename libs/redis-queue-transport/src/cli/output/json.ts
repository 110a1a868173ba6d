import { printable } from '../../core/message/printable.js';

/**
 * One line of JSON. Beyond what JSON demands, it escapes whatever could control a terminal. Bytes become base64, and what
 * is undefined becomes null, so that every field is there.
 */
export function jsonLine(value: unknown): string {
  return `${printable(JSON.stringify(value, plain))}\n`;
}

function plain(this: unknown, key: string, value: unknown): unknown {
  // JSON.stringify has already called the toJSON of a Buffer; the holder has the Buffer itself.
  const own: unknown = Reflect.get(this as object, key);
  if (own instanceof Uint8Array) return Buffer.from(own).toString('base64');
  if (typeof value === 'bigint') return value.toString();
  return value === undefined ? null : value;
}
