import type { Suspects } from '../../core/broker/lease.js';
import type { Limited } from '../../core/broker/limit.js';
import { readLimited } from '../lua/limit-lua.js';
import { readArray, readBuffer, readNumber } from '../script/script.js';

export interface ExchangeReply {
  /** How many deliveries the processing list holds now. */
  readonly held: number;
  readonly missing: number;
  readonly suspects: Suspects;
  readonly isPaused: boolean;
  readonly dueInMs: number | undefined;
  readonly isTimekeeper: boolean;
  /** When the next delayed message is due, in Redis's form; pass it to the next call. */
  readonly nextDue: string;
  /** More may be waiting: taking it would have been too large. */
  readonly isCut: boolean;
  /** It took nothing, since the first elements are large: they are to be taken by other means. */
  readonly isLargeAhead: boolean;
  /** The first delayed message is due, and too large for a script. */
  readonly isDueLarge: boolean;
  readonly limited: Limited | undefined;
  readonly taken: readonly Buffer[];
}

/** What a reply says about elements that were left. */
export const CUT = { no: 0, full: 1, large: 2 } as const;

/** What a reply says about suspects. */
export const SUSPECTS = { none: 0, free: 1, mine: 2, others: 3 } as const satisfies Record<
  Suspects,
  number
>;
const STATES: readonly Suspects[] = ['none', 'free', 'mine', 'others'];

/** Where the taken elements begin in a reply. */
export const FIRST_TAKEN = 11;

export function readExchange(reply: unknown): ExchangeReply | 'leaseLost' | 'miscounted' {
  if (reply === 0) return 'leaseLost';
  if (reply === -1) return 'miscounted';
  const [
    held,
    missing,
    suspects,
    paused,
    dueIn,
    timekeeper,
    nextDue,
    cut,
    isDueLarge,
    limit,
    ...taken
  ] = readArray(reply);
  const dueInMs = readNumber(dueIn);
  return {
    held: readNumber(held),
    missing: readNumber(missing),
    suspects: STATES[readNumber(suspects)] ?? 'none',
    isPaused: paused === 1,
    dueInMs: dueInMs < 0 ? undefined : dueInMs,
    isTimekeeper: timekeeper === 1,
    nextDue: readBuffer(nextDue).toString(),
    isCut: cut !== CUT.no,
    isLargeAhead: cut === CUT.large,
    isDueLarge: isDueLarge === 1,
    limited: readLimited(limit),
    taken: taken.map(readBuffer),
  };
}
