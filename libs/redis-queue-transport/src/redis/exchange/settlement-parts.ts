import type { Settlement } from '../../core/broker/lease.js';
import { divided } from '../script/divided.js';

/** Bounds of what one exchange settles, so that none keeps Redis busy for long. */
const MOST_SETTLEMENTS = 500;
const MOST_BYTES = 1_048_576;

/** Most comparisons in one call: each element is searched for in the list of held ones, at worst in all of it. */
const MOST_COMPARED = 200_000;

/**
 * Divides settlements among several calls, in order; usually one is enough. What goes back to the head goes there from the
 * last to the first, so that it keeps its order; dead letters go from the first on. What slows its key down comes before
 * all others, as within a call.
 */
export function partsOf(
  settlements: readonly Settlement[],
  held: number,
): readonly (readonly Settlement[])[] {
  const most = Math.max(1, Math.min(MOST_SETTLEMENTS, Math.floor(MOST_COMPARED / (held + 1))));
  if (settlements.length <= most && bytesOf(settlements) <= MOST_BYTES) return [settlements];
  const dead = settlements.filter(({ kind }) => kind === 'deadLetter');
  const slowing = settlements.filter(slowsKey);
  const others = settlements.filter((one) => one.kind !== 'deadLetter' && !slowsKey(one));
  const bounds = { most, mostBytes: MOST_BYTES, sizeOf };
  return [
    ...divided([...slowing, ...others.toReversed()], bounds).map((part) => part.toReversed()),
    ...divided(dead, bounds),
  ];
}

function slowsKey(settlement: Settlement): boolean {
  return settlement.kind === 'retry' && settlement.slowsKey === true;
}

function bytesOf(settlements: readonly Settlement[]): number {
  return settlements.reduce((sum, settlement) => sum + sizeOf(settlement), 0);
}

function sizeOf(settlement: Settlement): number {
  const { element } = settlement;
  return element.length + ('replacement' in settlement ? settlement.replacement.length : 0);
}
