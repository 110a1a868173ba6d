import type {
  Suspects,
  TimeStep,
  TrialStep,
} from '../../../libs/redis-queue-transport/src/core/broker/lease.js';
import type { Exchanging, Outcome } from './commands.js';
import type { Kind } from './kind.js';
import { ModelKeys } from './model-keys.js';
import { ModelLimit } from './model-limit.js';
import type { ModelLimited } from './model-limit.js';
import { textOf, wasOut } from './model-message.js';
import type { ModelMessage } from './model-message.js';
import { FENCE_MS, TERMS, WINDOW_MS, pauseMs } from './terms.js';

export interface ModelConsumer {
  /** `ended`: its time is over, but nobody has reclaimed it. `fenced`: reclaimed, and still watched. */
  state: 'live' | 'ended' | 'fenced' | 'left';
  held: ModelMessage[];
  fencedUntilMs: number;
}

export interface ModelExchange {
  readonly taken: readonly ModelMessage[];
  readonly suspects: Suspects;
  readonly isPaused: boolean;
  readonly dueInMs: number | undefined;
  readonly isTimekeeper: boolean;
  readonly limited: ModelLimited | undefined;
}

interface Delayed {
  readonly dueMs: number;
  readonly message: ModelMessage;
}

/** What a queue is, in two pages: lists in memory, and the rules of order from the design. */
export class QueueModel {
  nowMs = 0;
  waiting: ModelMessage[] = [];
  suspects: ModelMessage[] = [];
  /** The next one due first. */
  delayed: Delayed[] = [];
  /** The oldest first. */
  dead: ModelMessage[] = [];
  /** By priority, without the usual one. */
  readonly levels = new Map<number, ModelMessage[]>();
  /** How many were taken while several priorities had some. */
  #turn = 0;
  /** By key, behind others that are out. */
  readonly lanes = new Map<string, ModelMessage[]>();
  readonly keys = new ModelKeys();
  isPaused = false;
  readonly counts = { expired: 0, repeated: 0, deadLettersDropped: 0, parkedEver: 0 };
  readonly consumers: ModelConsumer[] = [];
  /** How many bodies stand beside the queue. */
  parked = 0;
  /** Until when an id is taken, or known as handled. */
  readonly #ids = new Map<string, number>();
  readonly #handled = new Map<string, number>();
  /** Who has the right to run the suspects. */
  #trial: number | undefined;
  #timekeeper: number | undefined;
  /** A due message that was moved to the queue for other consumers. */
  #offered: ModelMessage | undefined;
  /** Due messages may be left in the queue, which others would pass at its head. */
  #isDueLast = false;

  readonly #limit: ModelLimit;

  constructor(private readonly kind: Kind) {
    this.#limit = new ModelLimit(kind.limit);
  }

  join(): void {
    this.consumers.push({ state: 'live', held: [], fencedUntilMs: 0 });
  }

  push(message: ModelMessage, dueMs: number, isShared: boolean): string {
    const { id = '' } = message;
    if (isShared && (this.#ids.get(id) ?? 0) > this.nowMs) return 'duplicate';
    const { length, kind } = this;
    if (length >= (kind.maxLength ?? Infinity)) return `full: ${length} of ${kind.maxLength}`;
    if (message.isParked) this.counts.parkedEver += 1;
    if (message.isParked) this.parked += 1;
    if (dueMs > this.nowMs) this.delay(dueMs, message);
    else this.enter(message);
    if (isShared) this.#ids.set(id, this.nowMs + WINDOW_MS);
    return 'added';
  }

  /** All that nobody holds. */
  get length(): number {
    const inLanes = [...this.lanes.values()].flat();
    return [this.waiting, this.inLevels, this.suspects, this.delayed, inLanes].flat().length;
  }

  delay(dueMs: number, message: ModelMessage): void {
    this.delayed.push({ dueMs, message });
    this.delayed.sort((one, other) => one.dueMs - other.dueMs); // keeps the order of equals
  }

  /** To the end of the queue, or of its lane. */
  enter(message: ModelMessage): void {
    if (!this.#goesToLane(message, [])) this.#toItsLevel(message);
  }

  #goesToLane(message: ModelMessage, alsoOut: readonly ModelMessage[]): boolean {
    const { key } = message;
    const out = this.#outOf(key, alsoOut);
    if (key === undefined) return false;
    const { limit, rests } = this.keys;
    const lane = this.lanes.get(key) ?? [];
    const mayGo = out < limit.running && !rests.has(key) && (out === 0 || lane.length === 0);
    if (mayGo && !this.keys.isTooEarly(key, this.nowMs)) return false;
    this.lanes.set(key, [...lane, message]);
    return true;
  }

  /** Nobody counts: it looks at all lists. */
  #outOf(key: string | undefined, alsoOut: readonly ModelMessage[] = []): number {
    const held = this.consumers.flatMap((consumer) => consumer.held);
    const again = this.delayed.map(({ message }) => message).filter(wasOut);
    const out = [this.waiting, this.inLevels, this.suspects, held, again, alsoOut].flat();
    return out.filter((message) => message.key === key).length;
  }

  /** As many of this key as may: one is gone for good, or its rest is over. */
  goOn(key: string | undefined): void {
    if (key === undefined) return;
    const lane = this.lanes.get(key) ?? [];
    const { limit, rests } = this.keys;
    while (lane.length > 0 && this.#outOf(key) < limit.running && !rests.has(key)) {
      if (this.keys.isTooEarly(key, this.nowMs)) break;
      for (const next of lane.splice(0, 1)) this.#toItsLevel(next);
    }
    if (lane.length === 0) this.lanes.delete(key);
  }

  endRest(key: string): void {
    if (this.keys.rests.delete(key)) this.goOn(key);
  }

  /** Keys of which nothing waits rest no longer, unless they are paused. */
  forgetRests(): void {
    for (const [key, untilMs] of this.keys.rests)
      if (!this.lanes.has(key) && untilMs < Infinity) this.endRest(key);
  }

  consumer(index: number): ModelConsumer {
    const consumer = this.consumers[index];
    if (consumer === undefined) throw new Error(`There is no consumer ${index}.`);
    return consumer;
  }

  hasLease(index: number): boolean {
    const { state } = this.consumer(index);
    return state === 'live' || state === 'ended';
  }

  hasTrial(index: number): boolean {
    return this.#trial === index;
  }

  /** Applies outcomes to the oldest that are held, releases what is due, and takes. */
  exchange(
    { consumer: index, outcomes, take, trial, time }: Exchanging,
    number: number,
  ): ModelExchange {
    const holder = this.consumer(index);
    const settled = outcomes.flatMap((outcome, place) => {
      const message = holder.held[place];
      return message === undefined ? [] : [{ message, outcome, laterMs: pauseMs(number, place) }];
    });
    for (const { message, outcome, laterMs } of inOrderOfSettling(settled)) {
      holder.held = holder.held.filter((other) => other !== message);
      this.#settle(message, outcome, laterMs);
    }
    const { isPaused } = this;
    const isSlowed = this.#limit.isSlowed(this.nowMs);
    const isStill = isPaused || isSlowed;
    this.#limit.begin(this.nowMs);
    const may = isStill ? 0 : this.#mayTake(index, take);
    const dueMs = this.#releaseDue(may) ?? Infinity;
    if (!isStill) for (const key of this.keys.over(this.nowMs)) this.endRest(key);
    const nextMs = Math.min(dueMs, this.keys.nextInMs(this.nowMs) ?? Infinity);
    const dueInMs = nextMs < Infinity ? nextMs : undefined;
    const isTimekeeper = this.#keepTime(index, time);
    const isNext = this.#stepOf(index, trial) && !isStill;
    const isHeldBack = isSlowed || (isNext && this.#mayTake(index, 1) === 0);
    const tried = isNext && !isHeldBack ? this.suspects.splice(0, 1) : [];
    const isVain = tried.length === 0 && !isHeldBack;
    if (trial === 'next' && isVain && this.#trial === index) this.#trial = undefined;
    const taken = this.#trial === index || isStill ? tried : this.#takeNext(may);
    holder.held.push(...taken);
    this.countTaken(taken.length);
    const isAtLimit = isHeldBack || (taken.length === may && this.waiting.length > 0);
    const limited = isSlowed || (isAtLimit && !isPaused) ? this.#limit.limited : undefined;
    return { taken, suspects: this.#suspectsFor(index), isPaused, dueInMs, isTimekeeper, limited };
  }

  /** How many more all consumers together may take. One place is left to another one that runs suspects. */
  #mayTake(index: number, wanted: number): number {
    const held = this.consumers.flatMap((one, at) => (this.hasLease(at) ? one.held : []));
    const isOther = this.#trial !== undefined && this.#trial !== index;
    const kept = isOther && this.suspects.length > 0 ? 1 : 0;
    return this.#limit.mayTake(wanted, held.length + kept, this.nowMs);
  }

  /** Why a wait may not take what it would; undefined if it may. A pause stops no wait. */
  refusalOfWait(index: number): ModelLimited | undefined {
    if (this.kind.limit === undefined) return undefined;
    this.#limit.begin(this.nowMs);
    const may = this.#limit.isSlowed(this.nowMs) ? 0 : this.#mayTake(index, 1);
    if (may > 0) return undefined;
    // What it took goes back.
    this.#recall();
    this.#fill();
    return this.#limit.limited;
  }

  countTaken(count: number): void {
    this.#limit.countTaken(count, this.nowMs);
  }

  /** A wait takes whatever is at the head, and so does a late command. */
  take(index: number): ModelMessage | undefined {
    const [message] = this.takeWaiting(1);
    if (message !== undefined) this.consumer(index).held.push(message);
    return message;
  }

  /** The next ones, in the order in which they are taken. */
  takeWaiting(most: number): readonly ModelMessage[] {
    if (this.kind.order === 'oldestFirst') return this.waiting.splice(0, most);
    return this.waiting.splice(Math.max(0, this.waiting.length - most)).reverse();
  }

  /** Each to the place that it came from. */
  toHead(messages: readonly ModelMessage[]): void {
    this.suspects.unshift(...messages.filter(({ crashes }) => crashes > 0));
    const others = messages.filter(({ crashes }) => crashes === 0);
    if (others.length > 0) this.#recall();
    for (const message of others.toReversed())
      if (message.priority !== 4) this.#toHeadOfLevel(message);
    const waiting = others.filter(({ priority }) => priority === 4);
    if (this.kind.order === 'oldestFirst') this.waiting.unshift(...waiting);
    else this.waiting.push(...waiting.reverse());
  }

  /** The same for what no exchange puts back: blocked consumers see one of what went to the lists of priorities. */
  putBack(messages: readonly ModelMessage[]): void {
    this.toHead(messages);
    if (messages.some(({ priority, crashes }) => priority !== 4 && crashes === 0)) this.#fill();
  }

  get inLevels(): readonly ModelMessage[] {
    return [...this.levels].sort(([one], [other]) => other - one).flatMap(([, level]) => level);
  }

  /** All that consumers may take, in the order in which tools list it: the first of `waiting` by its own priority. */
  get inOrder(): readonly ModelMessage[] {
    const [first] = this.waiting;
    const guests = first === undefined || first.priority === 4 ? [] : [first];
    const usual = this.waiting.slice(guests.length);
    return [9, 8, 7, 6, 5, 4, 3, 2, 1, 0].flatMap((priority) => [
      ...guests.filter((guest) => guest.priority === priority),
      ...(priority === 4 ? usual : (this.levels.get(priority) ?? [])),
    ]);
  }

  /** Forgets one that consumers may take. */
  forget(message: ModelMessage): void {
    this.waiting = this.waiting.filter((other) => other !== message);
    const left = (this.levels.get(message.priority) ?? []).filter((other) => other !== message);
    if (left.length > 0) this.levels.set(message.priority, left);
    else this.levels.delete(message.priority);
    if (this.levels.size === 0) this.#turn = 0;
  }

  #toItsLevel(message: ModelMessage): void {
    const isAlone = this.waiting.length === 0 && this.levels.size === 0;
    if (message.priority === 4 || isAlone) this.waiting.push(message);
    else this.levels.set(message.priority, [...(this.levels.get(message.priority) ?? []), message]);
  }

  #toHeadOfLevel(message: ModelMessage): void {
    const level = this.levels.get(message.priority) ?? [];
    const isOldestFirst = this.kind.order === 'oldestFirst';
    this.levels.set(message.priority, isOldestFirst ? [message, ...level] : [...level, message]);
  }

  /** One of another priority that went to `waiting` while nothing else waited comes first in its own list. */
  #recall(): void {
    const [first] = this.waiting;
    if (first === undefined || first.priority === 4) return;
    this.waiting.shift();
    this.#toHeadOfLevel(first);
  }

  #takeOf(priority: number): readonly ModelMessage[] {
    if (priority === 4) return this.takeWaiting(1);
    const level = [...(this.levels.get(priority) ?? [])];
    const taken = level.splice(this.kind.order === 'oldestFirst' ? 0 : -1, 1);
    if (level.length > 0) this.levels.set(priority, level);
    else this.levels.delete(priority);
    return taken;
  }

  #fill(): void {
    const highest = Math.max(...this.levels.keys());
    if (this.waiting.length === 0 && this.levels.size > 0)
      this.waiting.push(...this.#takeOf(highest));
    if (this.levels.size === 0) this.#turn = 0;
  }

  /** By priority if there are several. */
  #takeNext(most: number): readonly ModelMessage[] {
    if (this.levels.size === 0) return this.takeWaiting(most);
    if (most > 0) this.#recall();
    const taken: ModelMessage[] = [];
    while (taken.length < most) {
      const all = [...this.levels.keys(), ...(this.waiting.length > 0 ? [4] : [])];
      const [highest, ...lower] = all.sort((one, other) => other - one);
      if (highest === undefined) break;
      if (lower.length > 0) this.#turn += 1;
      const isLower = lower.length > 0 && this.#turn % 10 === 0;
      const chosen = isLower ? lower[(this.#turn / 10 - 1) % lower.length] : highest;
      taken.push(...this.#takeOf(chosen ?? highest));
    }
    this.#fill();
    return taken;
  }

  endLease(index: number): void {
    if (this.hasLease(index)) this.consumer(index).state = 'ended';
  }

  renew(index: number): void {
    if (this.hasLease(index)) this.consumer(index).state = 'live';
  }

  indicesOf(state: ModelConsumer['state']): number[] {
    return this.consumers.flatMap((consumer, index) => (consumer.state === state ? [index] : []));
  }

  reclaim(index: number): number {
    const holder = this.consumer(index);
    if (holder.state === 'live') return 0;
    const { held } = holder;
    holder.held = [];
    this.#endRoles(index);
    if (holder.state === 'ended') {
      this.#suspect(held);
      holder.state = 'fenced';
      holder.fencedUntilMs = this.nowMs + FENCE_MS;
    } else {
      this.putBack(held);
      this.#forgetFenced(holder);
    }
    return held.length;
  }

  /** Those that hold something; of the others those are forgotten that are no longer watched. */
  findLateTakes(): number[] {
    const found = this.indicesOf('fenced').filter((index) => this.consumer(index).held.length > 0);
    for (const consumer of this.consumers)
      if (consumer.held.length === 0) this.#forgetFenced(consumer);
    return found;
  }

  leave(index: number): void {
    const holder = this.consumer(index);
    this.putBack(holder.held);
    holder.held = [];
    this.#endRoles(index);
    if (holder.state !== 'fenced') holder.state = 'left';
  }

  wasHandled(id: string): boolean {
    return (this.#handled.get(id) ?? 0) > this.nowMs;
  }

  /** What a message leaves behind that is gone for good. */
  drop(messages: readonly ModelMessage[]): void {
    this.parked -= messages.filter(({ isParked }) => isParked).length;
  }

  #forgetFenced(consumer: ModelConsumer): void {
    if (consumer.state === 'fenced' && consumer.fencedUntilMs < this.nowMs) consumer.state = 'left';
  }

  #settle(message: ModelMessage, outcome: Outcome, laterMs: number): void {
    const again = { ...message, attempt: message.attempt + 1, crashes: 0 };
    switch (outcome) {
      case 'release':
        return this.toHead([message]);
      case 'retry':
        return this.toHead([again]);
      case 'slowDown':
        this.#limit.slowDown(this.nowMs + laterMs);
        return this.delay(this.nowMs + laterMs, again);
      case 'slowKeyDown':
        if (message.key !== undefined) this.keys.rest(message.key, this.nowMs + laterMs);
        return this.delay(this.nowMs + laterMs, again);
      case 'retryLater':
        return this.delay(this.nowMs + laterMs, again);
      case 'deadLetter':
        this.#deadLetter(message);
        return this.goOn(message.key);
      case 'expired':
      case 'repeated':
        this.counts[outcome] += 1;
        break;
      case 'once':
        if (message.id !== undefined) this.#handled.set(message.id, this.nowMs + WINDOW_MS);
        break;
      case 'ack':
        break;
    }
    this.drop([message]);
    this.goOn(message.key);
  }

  #deadLetter(message: ModelMessage): void {
    const { deadLetterLimit = Infinity } = TERMS;
    const tooMany = this.dead.splice(0, Math.max(0, this.dead.length - deadLetterLimit + 1));
    this.counts.deadLettersDropped += tooMany.length;
    this.drop(tooMany);
    this.dead.push(message);
  }

  /** Answers in how many ms the next one is due, if somebody has to look then. */
  #releaseDue(room: number): number | undefined {
    const due = this.delayed.filter(({ dueMs }) => dueMs <= this.nowMs).length;
    const places = room > 0 ? room : this.waiting.length === 0 ? 1 : 0;
    const isStill = this.isPaused || this.#limit.isSlowed(this.nowMs);
    const movable = isStill ? 0 : Math.min(places, due);
    const first = movable > 0 && room > 0 ? this.#takeOffered() : [];
    const most = Math.min(movable, room > 0 ? room - first.length : 1);
    const going: ModelMessage[] = [];
    for (let released = 0; released < most; released += 1)
      for (const { message } of this.delayed.splice(0, 1))
        if (wasOut(message) || !this.#goesToLane(message, [...first, ...going]))
          going.push(message);
    if (room === 0 && going.length > 0) [this.#offered] = going;
    const last = most > 0 && this.#isDueAtEnd() ? going.filter((one) => !wasOut(one)) : [];
    if (this.levels.size > 0 && first.some(({ priority }) => priority === 4))
      this.#isDueLast = true;
    for (const message of last) this.#toItsLevel(message);
    if (last.some(({ priority }) => priority === 4)) this.#isDueLast = true;
    this.toHead([...first, ...going.filter((one) => !last.includes(one))]);
    const [next] = this.delayed;
    if (next === undefined) return undefined;
    const inMs = Math.max(0, next.dueMs - this.nowMs);
    return inMs === 0 && most === 0 && first.length === 0 ? undefined : inMs;
  }

  /** While several priorities have messages, what is due goes behind what was due before and could not be taken. */
  #isDueAtEnd(): boolean {
    this.#recall();
    const isMixed = this.levels.size > 0;
    if (!isMixed && this.waiting.length === 0) this.#isDueLast = false;
    return isMixed || this.#isDueLast;
  }

  /** Takes the head of the queue off if it was offered. */
  #takeOffered(): ModelMessage[] {
    const head = this.waiting.at(this.kind.order === 'oldestFirst' ? 0 : -1);
    if (head === undefined || this.#offered === undefined) return [];
    if (textOf(head) !== textOf(this.#offered)) return [];
    this.#offered = undefined;
    return [...this.takeWaiting(1)];
  }

  #keepTime(index: number, step: TimeStep | undefined): boolean {
    const keeper = this.#timekeeper;
    if (step === 'yield' && keeper === index) this.#timekeeper = undefined;
    if (step !== 'keep') return false;
    if (keeper === undefined || !this.hasLease(keeper)) this.#timekeeper = index;
    return this.#timekeeper === index;
  }

  /** Whether the consumer may take a suspect by this step. */
  #stepOf(index: number, step: TrialStep | undefined): boolean {
    const isEmpty = this.consumer(index).held.length === 0;
    const isClaimed = step === 'claim' || (step === 'claimIfEmpty' && isEmpty);
    if (isClaimed && this.suspects.length > 0) this.#trial ??= index;
    if (step === 'yield' && this.#trial === index) this.#trial = undefined;
    return step === 'next' && this.#trial === index;
  }

  #endRoles(index: number): void {
    if (this.#trial === index) this.#trial = undefined;
    if (this.#timekeeper === index) this.#timekeeper = undefined;
    this.#offered = undefined;
    this.#isDueLast = false;
  }

  #suspectsFor(index: number): Suspects {
    if (this.#trial === index) return 'mine';
    if (this.suspects.length === 0) return 'none';
    return this.#trial === undefined ? 'free' : 'others';
  }

  /** What a crash makes of what was held: of those that were suspects before, the last one is blamed. */
  #suspect(held: readonly ModelMessage[]): void {
    const blamed = held.findLast(({ crashes }) => crashes > 0);
    for (const message of held.toReversed()) {
      const { attempt, crashes } = message;
      const isOlder = crashes > 0 && message !== blamed;
      const suspect = {
        ...message,
        attempt: attempt + 1,
        crashes: isOlder ? crashes : crashes + 1,
      };
      if (isOlder) this.suspects.push(suspect);
      else this.suspects.unshift(suspect);
    }
  }
}

/** What slows its key down comes first, then what is only done, then dead letters. The others go from the last to the first, so that those that go back keep their order. */
function inOrderOfSettling<T extends { message: ModelMessage; outcome: Outcome }>(
  settled: readonly T[],
): readonly T[] {
  const isDone = ({ message, outcome }: T): boolean => outcome === 'ack' && !message.isParked;
  // Without an id, there is nothing to remember.
  const isPlain = (one: T): boolean =>
    isDone(one) ||
    (one.outcome === 'once' && one.message.id === undefined && !one.message.isParked);
  const isDead = ({ outcome }: T): boolean => outcome === 'deadLetter';
  const slows = ({ outcome }: T): boolean => outcome === 'slowKeyDown';
  const others = settled.filter((one) => !isPlain(one) && !isDead(one) && !slows(one));
  return [
    ...settled.filter(slows),
    ...settled.filter(isPlain),
    ...settled.filter(isDead),
    ...others.reverse(),
  ];
}
