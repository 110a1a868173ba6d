import type { TrialStep } from '../broker/broker.js';
import type { Phase } from './consumer-state.js';

/** What a consumer sees of itself when it decides what it does next. */
export interface ConsumerView {
  readonly phase: Phase;
  /** While it stops: the time for that is over. */
  readonly isOverdue: boolean;
  /** False before it joined its queue, and between a lost lease and the next. */
  readonly hasLease: boolean;
  readonly isExchanging: boolean;
  readonly isWaiting: boolean;
  /** Its queue is. */
  readonly isPaused: boolean;
  /** How many handlers run. */
  readonly running: number;
  readonly hasSettlements: boolean;
  /** How many more an exchange may take. */
  readonly free: number;
  /** A handler began in this turn of the event loop. */
  readonly hasJustBegun: boolean;
  /** Something may be there to be taken. */
  readonly mustLook: boolean;
  /** Something is due, which others may take although this consumer has no place for it. */
  readonly mustRelease: boolean;
  /** It keeps its queue's time, and is to give that up. */
  readonly mustYieldTime: boolean;
  /** What its trial of suspects asks for. */
  readonly trialStep: TrialStep | undefined;
  /** Messages come one by one, and an exchange was made just now: settlements gather for the next one. */
  readonly isCalm: boolean;
}

/**
 * - `handBack`: what still runs goes back to the queue.
 * - `leave`: the queue.
 * - `exchange`: settle what has ended, and take as many as are free.
 * - `exchangeAside`: settle what has ended, take nothing from the queue, and say what a trial or the keeping of time asks for.
 * - `wait`: for one message.
 * - `gather`: settlements for a moment; a wait is under way.
 * - `gatherAndWait`: the same, and wait for one message.
 * - `endTurn`: see what this turn of the event loop brings.
 * - `rest`: until something happens.
 */
export type NextStep =
  | 'handBack'
  | 'leave'
  | 'exchange'
  | 'exchangeAside'
  | 'wait'
  | 'gather'
  | 'gatherAndWait'
  | 'endTurn'
  | 'rest';

/** What a consumer does next. Rows of the table that this is, in words: its spec. */
export function nextStep(view: ConsumerView): NextStep {
  const { phase } = view;
  if (phase === 'stopping' && (view.isOverdue || hasEnded(view))) return 'handBack';
  if (phase === 'handingBack' && (view.isOverdue || isSettled(view))) return 'leave';
  if (!view.hasLease || view.isExchanging || phase === 'left') return 'rest';
  if (view.trialStep !== undefined || view.mustYieldTime) return 'exchangeAside';
  if (view.hasSettlements) return settle(view);
  // What began may end in this turn: then one exchange settles and takes, where there would be two and a wait.
  if (view.hasJustBegun) return 'endTurn';
  if (mayLook(view)) return 'exchange';
  return mayWait(view) ? 'wait' : 'rest';
}

function hasEnded({ running, isWaiting }: ConsumerView): boolean {
  return running === 0 && !isWaiting;
}

function isSettled({ hasSettlements, isExchanging }: ConsumerView): boolean {
  return !hasSettlements && !isExchanging;
}

/** While the queue is quiet, messages that follow each other quickly come by waits, and are settled together. */
function settle({ phase, isCalm, isPaused, isWaiting, free }: ConsumerView): NextStep {
  if (!isCalm || isPaused || phase !== 'consuming') return 'exchange';
  if (isWaiting) return 'gather';
  // One that runs one at a time also settles one at a time.
  return free >= 2 ? 'gatherAndWait' : 'exchange';
}

function mayLook({ phase, mustLook, free, isWaiting, mustRelease }: ConsumerView): boolean {
  return mustLook && phase === 'consuming' && (free > 0 || isWaiting || mustRelease);
}

function mayWait({ free, isPaused, isWaiting }: ConsumerView): boolean {
  return free > 0 && !isPaused && !isWaiting;
}
