import type { TrialStep } from '../broker/lease.js';
import type { Phase } from './consumer-state.js';

/** The state by which a consumer decides what to do next. */
export interface ConsumerView {
  readonly phase: Phase;
  /** While stopping: the time is over. */
  readonly isOverdue: boolean;
  /** False before joining the queue, and between a lost lease and the next one. */
  readonly hasLease: boolean;
  readonly isExchanging: boolean;
  readonly isWaiting: boolean;
  /** The queue is paused. */
  readonly isPaused: boolean;
  /** A limit of the queue lets nothing more be taken for now. */
  readonly isHeldBack: boolean;
  /** The queue was slowed down, and only an exchange tells for how long yet. */
  readonly mustAsk: boolean;
  /** How many handlers run. */
  readonly running: number;
  readonly hasSettlements: boolean;
  /** How many more an exchange may take. */
  readonly free: number;
  /** A handler has started in this turn of the event loop. */
  readonly hasJustBegun: boolean;
  /** There may be something to take. */
  readonly mustLook: boolean;
  /** Something is due. Other consumers may take it even if this one has no place. */
  readonly mustRelease: boolean;
  /** It is the timekeeper of its queue, and must give that up. */
  readonly mustYieldTime: boolean;
  /** The step that its trial of suspects needs. */
  readonly trialStep: TrialStep | undefined;
  /** Messages arrive one by one, and the last exchange was just now: settlements gather for the next one. */
  readonly isCalm: boolean;
}

/**
 * - `handBack`: hand what still runs back to the queue.
 * - `leave` the queue.
 * - `exchange`: settle what has ended, and fill the free slots.
 * - `exchangeAside`: settle what has ended, take nothing from the queue, and perform a step of a trial or of timekeeping.
 * - `wait` for one message.
 * - `gather` settlements for a moment, while a wait is running.
 * - `gatherAndWait`: the same, and wait for one message.
 * - `endTurn`: see what the rest of this turn of the event loop brings.
 * - `rest` until something happens.
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

/** What a consumer does next. This is a table; its spec has the rows in words. */
export function nextStep(view: ConsumerView): NextStep {
  const { phase } = view;
  if (phase === 'stopping' && (view.isOverdue || hasEnded(view))) return 'handBack';
  if (phase === 'handingBack' && (view.isOverdue || isSettled(view))) return 'leave';
  if (!view.hasLease || view.isExchanging || phase === 'left') return 'rest';
  if (view.trialStep !== undefined || view.mustYieldTime) return 'exchangeAside';
  if (view.hasSettlements) return settle(view);
  // Handlers may end in the turn in which they started. Then one exchange settles and takes, instead of two and a wait.
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

/** In a quiet queue, messages in quick succession are taken by waits and settled together. */
function settle({ phase, isCalm, isPaused, isHeldBack, isWaiting, free }: ConsumerView): NextStep {
  if (!isCalm || isPaused || isHeldBack || phase !== 'consuming') return 'exchange';
  if (isWaiting) return 'gather';
  // With a concurrency of 1, messages are also settled one at a time.
  return free >= 2 ? 'gatherAndWait' : 'exchange';
}

function mayLook(view: ConsumerView): boolean {
  const { phase, mustLook, mustAsk, free, isWaiting, mustRelease } = view;
  if (phase !== 'consuming') return false;
  return mustAsk || (mustLook && (free > 0 || isWaiting || mustRelease));
}

function mayWait({ free, isPaused, isHeldBack, isWaiting }: ConsumerView): boolean {
  return free > 0 && !isPaused && !isHeldBack && !isWaiting;
}
