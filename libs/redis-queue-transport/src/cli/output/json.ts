import { printable } from '../../core/message/printable.js';

/**
 * One line of JSON. Beyond what JSON demands, it escapes whatever could control a terminal. Bytes become base64, and
 * undefined becomes null, so that every field is there.
 */
export function jsonLine(value: unknown): string {
  return `${printable(jsonText(value))}\n`;
}

/**
 * JSON of anything that a message may contain. Of data that is nested more deeply than JSON.stringify can go, the outer
 * part.
 */
export function jsonText(value: unknown, space?: number): string {
  try {
    return JSON.stringify(value, plain, space);
  } catch {
    return JSON.stringify(outerPart(value, SHOWN_DEPTH), plain, space);
  }
}

const SHOWN_DEPTH = 50;

function outerPart(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array || value instanceof Date) return value;
  if (depth === 0) return '(nested too deeply)';
  if (Array.isArray(value)) return value.map((item) => outerPart(item, depth - 1));
  const members = Object.entries(value).map(([name, item]) => [name, outerPart(item, depth - 1)]);
  return Object.fromEntries(members);
}

function plain(this: unknown, key: string, value: unknown): unknown {
  // JSON.stringify has already called the toJSON of a Buffer; the holder has the Buffer itself.
  const own: unknown = Reflect.get(this as object, key);
  if (own instanceof Uint8Array) return Buffer.from(own).toString('base64');
  if (typeof value === 'bigint') return value.toString();
  return value === undefined ? null : value;
}
