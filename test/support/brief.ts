import { createHash } from 'node:crypto';

/** Longer values may not be compared as they are (`refuse-long-comparisons.ts`). */
export const LONGEST = { bytes: 1_000, characters: 20_000 } as const;

/**
 * Stands for a value with large parts in a comparison: `expect(brief(heard)).toEqual(brief([image]))`. Equal for equal
 * values. If they differ, the test prints a line for each part instead of all of its bytes.
 */
export function brief(value: unknown): unknown {
  if (typeof value === 'string') {
    return value.length > 100 ? sketch('text', value.length, value, value.slice(0, 20)) : value;
  }
  if (value instanceof Uint8Array) {
    const begin = Buffer.from(value.subarray(0, 10)).toString('hex');
    return value.length > 100 ? sketch('bytes', value.length, value, begin) : value;
  }
  if (isList(value)) {
    if (value.length <= 100) return value.map(brief);
    const ends = [...value.slice(0, 3), '…', ...value.slice(-3)];
    return sketch('array', value.length, JSON.stringify(value), JSON.stringify(ends));
  }
  if (isPlain(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, brief(part)]));
  }
  return value;
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

/** Not an instance of a class: tests may compare those as a whole. */
export function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && value.constructor?.name === 'Object';
}

function sketch(
  kind: string,
  length: number,
  content: string | Uint8Array,
  excerpt: string,
): string {
  const digest = createHash('sha256').update(content).digest('hex').slice(0, 16);
  return `${kind} of ${length}, ${digest}: ${excerpt}…`;
}
