import type {
  Exchange,
  LeaseTerms,
  Settlement,
  Suspects,
  TimeStep,
  TrialStep,
} from '../../core/broker/lease.js';
import type { Names } from '../process/names.js';
import { Delays, releaseDue } from '../queue/delays.js';
import { parkedIfLarge } from '../queue/large-elements.js';
import { endRests } from '../queue/lanes.js';
import { fill, takeByLevel } from '../queue/levels.js';
import type { StoredQueue } from '../store/stored-queue.js';
import { LimitedTaking } from './limited-taking.js';
import { settle } from './settle.js';

/** One call takes no more after this many bytes. */
const MOST_TAKEN_BYTES = 524_288;

export interface ExchangeTerms extends Pick<
  LeaseTerms,
  'deadLetterLimit' | 'onceMs' | 'limit' | 'order'
> {
  readonly consumer: string;
  readonly settlements: readonly Settlement[];
  readonly take: number;
  readonly trial: TrialStep | undefined;
  readonly time: TimeStep | undefined;
}

export interface ExchangeAnswer extends Exchange {
  /** How many elements the consumer's list holds now. */
  readonly held: number;
}

/** Settles, releases due messages, and takes, for a consumer that still has its lease. */
export function exchange(
  queue: StoredQueue,
  nowMs: number,
  terms: ExchangeTerms,
  names: Names,
): ExchangeAnswer | 'leaseLost' {
  const { consumer, settlements, take, trial, time, order } = terms;
  if (!queue.consumers.has(consumer)) return 'leaseLost';
  const delays = new Delays(queue);
  const missing = settle(queue, settlements, { ...terms, nowMs, delays });
  delays.tell();
  const { isPaused } = queue;
  const taking = new LimitedTaking(queue, consumer, terms.limit, nowMs);
  const most = taking.mayTake(take);
  const dueMs = releaseDue(queue, nowMs, most, order) ?? Infinity;
  const nextMs = Math.min(dueMs, endRests(queue) ?? Infinity);
  const dueInMs = nextMs < Infinity ? nextMs : undefined;
  const isTimekeeper = time !== undefined && keepTime(queue, consumer, time);
  const { suspects, suspect } = tryOut(queue, consumer, trial, taking);
  const isTrying = suspects === 'mine';
  const takenNow =
    isTrying || isPaused
      ? { taken: suspect === undefined ? [] : [suspect], isCut: false }
      : queue.levels.isInUse && queue.slowedFor(nowMs) === 0
        ? takeByLevels(queue, { consumer, order }, most, names)
        : takeWaiting(queue, { consumer, order }, most, names);
  const takenCount = takenNow.taken.length;
  taking.end(takenCount, settlements.length - missing);
  const held = queue.heldBy(consumer).length;
  const { limited } = taking;
  const answer = { ...takenNow, held, missing, suspects, isPaused, dueInMs, isTimekeeper };
  return limited === undefined ? answer : { ...answer, isCut: false, limited };
}

/** Returns whether the consumer is the timekeeper now. */
function keepTime(queue: StoredQueue, consumer: string, step: TimeStep): boolean {
  if (step === 'yield') {
    if (queue.timekeeper !== consumer) return false;
    queue.timekeeper = undefined;
    queue.wake('look');
    return false;
  }
  const { timekeeper } = queue;
  if (timekeeper === undefined || !queue.consumers.has(timekeeper)) queue.timekeeper = consumer;
  return queue.timekeeper === consumer;
}

/** The step of a trial. */
function tryOut(
  queue: StoredQueue,
  consumer: string,
  step: TrialStep | undefined,
  taking: LimitedTaking,
): { readonly suspects: Suspects; readonly suspect?: Buffer | undefined } {
  const isRare = queue.isPaused || queue.suspects.length > 0;
  if (!isRare && (step === undefined || step === 'claimIfEmpty')) return { suspects: 'none' };
  const has = (who: string | undefined): boolean => who !== undefined && queue.consumers.has(who);
  const isFree = !has(queue.trial);
  const isClaimed =
    step === 'claim' || (step === 'claimIfEmpty' && queue.heldBy(consumer).length === 0);
  let suspect: Buffer | undefined;
  if (isClaimed && isFree && queue.suspects.length > 0) queue.trial = consumer;
  else if (queue.trial === consumer && step === 'next' && !queue.isPaused && taking.mayTrySuspect())
    suspect = queue.takeFrom(queue.suspects, consumer);
  const isVain = suspect === undefined && !taking.isSuspectHeldBack;
  const isOver = step === 'yield' || (step === 'next' && isVain);
  if (queue.trial === consumer && isOver) {
    queue.trial = undefined;
    if (queue.suspects.length > 0) queue.wake('look');
    else if (queue.unkeyed.length > 0) queue.wake('keys');
  }
  if (queue.trial === consumer) return { suspects: 'mine', suspect: copyOf(suspect) };
  if (queue.suspects.length === 0) return { suspects: 'none' };
  return { suspects: has(queue.trial) ? 'others' : 'free' };
}

function takeWaiting(
  queue: StoredQueue,
  taker: Taker,
  most: number,
  names: Names,
): Pick<Exchange, 'taken' | 'isCut'> {
  const taken: Buffer[] = [];
  let bytes = 0;
  while (taken.length < most && bytes < MOST_TAKEN_BYTES) {
    const element = takeOne(queue, taker, names);
    if (element === undefined) break;
    taken.push(element);
    bytes += element.length;
  }
  return { taken, isCut: taken.length < most && queue.waiting.length > 0 };
}

/** The same while messages of several priorities may wait. */
function takeByLevels(
  queue: StoredQueue,
  { consumer, order }: Taker,
  most: number,
  names: Names,
): Pick<Exchange, 'taken' | 'isCut'> {
  const wasEmpty = queue.waiting.length === 0;
  const taken: Buffer[] = [];
  let bytes = 0;
  let isCut = false;
  if (most > 0) queue.recall(order);
  while (taken.length < most) {
    isCut = bytes >= MOST_TAKEN_BYTES;
    const element = isCut ? undefined : takeByLevel(queue, order);
    if (element === undefined) break;
    const handed = hand(queue, consumer, element, names);
    taken.push(handed);
    bytes += handed.length;
  }
  // Others may be blocked while messages are in lists that they do not wait for.
  if (fill(queue, order) && wasEmpty) queue.wake('look');
  return { taken, isCut };
}

/** A consumer, and the order in which it takes. */
export interface Taker extends Pick<LeaseTerms, 'order'> {
  readonly consumer: string;
}

/** Takes the next message for a consumer, without looking whether it has its lease. Returns a copy, as others share the store. */
export function takeOne(
  queue: StoredQueue,
  { consumer, order }: Taker,
  names: Names,
): Buffer | undefined {
  const element = queue.takeWaiting(order);
  return element === undefined ? undefined : hand(queue, consumer, element, names);
}

function hand(queue: StoredQueue, consumer: string, element: Buffer, names: Names): Buffer {
  const small = parkedIfLarge(queue, element, names);
  queue.hold(consumer, small);
  return Buffer.from(small);
}

function copyOf(element: Buffer | undefined): Buffer | undefined {
  return element === undefined ? undefined : Buffer.from(element);
}
