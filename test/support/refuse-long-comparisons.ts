import { expect } from '@jest/globals';
import { isPlain, LONGEST } from './brief.js';

/** Deep enough, since parts that both sides have are compared too, and come here by themselves. */
const DEPTH = 5;
/** The first ones show what a list consists of. */
const PARTS = 100;

/**
 * A failed comparison prints both sides, byte by byte, and works out how they differ. With 300,000 random bytes, that
 * takes longer than anybody waits, and `eventually` does it with each try. So no such comparison is begun, not even one
 * that would pass.
 */
expect.addEqualityTesters([
  (actual: unknown, expected: unknown): undefined => {
    // Parts of what the test has come here by themselves, once both sides have them.
    const length = Math.max(longestIn(actual, 0), longestIn(expected, DEPTH));
    if (length > 0) {
      throw new Error(
        `This compares something ${length} long as it is. Compare brief(actual) with brief(expected), so that a failure is short.`,
      );
    }
    return undefined;
  },
]);

/** The length of a part that is too long; 0 if there is none. */
function longestIn(value: unknown, depth: number): number {
  if (typeof value === 'string') return value.length > LONGEST.characters ? value.length : 0;
  if (value instanceof Uint8Array) return value.length > LONGEST.bytes ? value.length : 0;
  if (!Array.isArray(value) && !isPlain(value)) return 0;
  if (depth === 0) return 0;
  let longest = 0;
  for (const part of Object.values(value).slice(0, PARTS)) {
    longest = Math.max(longest, longestIn(part, depth - 1));
  }
  return longest;
}
