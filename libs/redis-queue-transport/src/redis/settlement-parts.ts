import type { Settlement } from '../core/broker.js';

/** Bounds of what one exchange settles, so that no single one keeps Redis busy for long. */
const MOST_SETTLEMENTS = 500;
const MOST_BYTES = 1_048_576;

/** Each is looked for in the list of what is held, at worst in all of it: so many elements are compared at most. */
const MOST_COMPARED = 200_000;

/**
 * Divides settlements among several calls, in the order in which these are to be made; one is enough for the usual. What
 * goes back to the head goes there from the last to the first, so that it keeps its order; dead letters from the first on.
 */
export function partsOf(
  settlements: readonly Settlement[],
  held: number,
): readonly (readonly Settlement[])[] {
  const most = Math.max(1, Math.min(MOST_SETTLEMENTS, Math.floor(MOST_COMPARED / (held + 1))));
  if (settlements.length <= most && bytesOf(settlements) <= MOST_BYTES) return [settlements];
  const dead = settlements.filter(({ kind }) => kind === 'deadLetter');
  const others = settlements.filter(({ kind }) => kind !== 'deadLetter');
  return [
    ...divided(others.toReversed(), most).map((part) => part.toReversed()),
    ...divided(dead, most),
  ];
}

function divided(settlements: readonly Settlement[], most: number): (readonly Settlement[])[] {
  const parts: Settlement[][] = [];
  let part: Settlement[] = [];
  let bytes = 0;
  for (const settlement of settlements) {
    const more = sizeOf(settlement);
    if (part.length > 0 && (part.length === most || bytes + more > MOST_BYTES)) {
      parts.push(part);
      part = [];
      bytes = 0;
    }
    part.push(settlement);
    bytes += more;
  }
  if (part.length > 0) parts.push(part);
  return parts;
}

function bytesOf(settlements: readonly Settlement[]): number {
  return settlements.reduce((sum, settlement) => sum + sizeOf(settlement), 0);
}

function sizeOf(settlement: Settlement): number {
  const { element } = settlement;
  return element.length + ('replacement' in settlement ? settlement.replacement.length : 0);
}
