import type {
  Exchange,
  Lease,
  LeaseTerms,
  Renewal,
  Settlement,
  TimeStep,
  TrialStep,
} from '../../core/broker/lease.js';
import { idOf } from '../../core/message/envelope.js';
import { OutcomeUnknownError, RedisRefusedError } from '../../core/errors/call-errors.js';
import { pause } from '../../core/process/pause.js';
import type { Connection } from '../connection/connection.js';
import type { QueueKeys } from '../keys/keys.js';
import { HeldElements } from './held-elements.js';
import { LARGE_BYTES } from '../script/script.js';
import type { LargeElements } from '../parking/large-elements.js';
import { exchange, settlementArguments } from './exchange.script.js';
import type { ExchangeReply } from './exchange.script.js';
import { findLateTakes } from './find-late-takes.script.js';
import { leave } from './leave.script.js';
import { reclaim } from './reclaim.script.js';
import { renew } from './renew.script.js';
import type { RenewReply } from './renew.script.js';
import { partsOf } from './settlement-parts.js';
import { returnStrays } from './strays.js';
import { wasHandled } from './was-handled.script.js';

/** What a lease needs from its broker. */
export interface LeaseSurroundings {
  /** For scripts; shared with everything else in this process. */
  readonly commands: Connection;
  /** For the blocking call; this lease's alone. */
  readonly blocking: Connection;
  readonly closeBlocking: () => void;
  /** For parked bodies, so that nothing else waits behind them. */
  readonly bodies: () => Connection;
  readonly keys: QueueKeys;
  readonly large: LargeElements;
  /** There may be a large element among the first waiting ones. */
  readonly mayMeetLarge: boolean;
  /** Makes an id that nobody else has. */
  readonly newId: () => string;
  /** Sends what must go out before an exchange. */
  readonly flushReplies: () => void;
  readonly onRedisTime: (nowMs: number) => void;
  /** Tells health why Redis refuses to hand out and settle; undefined once it works again. */
  readonly onRefusal: (refusal: string | undefined) => void;
}

/** How long a name is watched after its lease has ended: TCP stops resending a delayed command after about 15 minutes. */
const FENCE_MS = 15 * 60_000;

/** How often dropped dead letters are reported at most. */
const TELL_DROPPED_EVERY_MS = 60_000;

/** More than a stream can hold. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER;

/** How often old dead letters are looked for; more often if they are kept for less time. */
const TRIM_EVERY_MS = 60_000;

/**
 * After a large element, this many are each taken by a plain command, which copies an element faster than any script reads
 * it: a script only knows how large the next element is after reading it.
 */
const CAREFUL_AFTER_LARGE = 1_000;

/** The same for a list that may begin with a large one. */
const CAREFUL_AT_FIRST = 16;

/** How many of these commands are sent together at most: one at first, and twice as many while all are small. */
const CAREFUL_STEP = 16;

const UNBLOCK_AGAIN_MS = 10;
const noop = (): void => undefined;
const NEVER = new AbortController().signal;

/** What an exchange does besides settling. */
interface ExchangeTerms {
  readonly take: number;
  /** How many may be taken, by the script or otherwise. */
  readonly room: number;
  readonly trial: TrialStep | '';
  readonly time: TimeStep | '';
}

const TAKING_NOTHING: ExchangeTerms = { take: 0, room: 0, trial: '', time: '' };

/** One consumer's lease. It knows what it has handed out, and so notices what a lost reply left in its list. */
export class RedisLease implements Lease {
  readonly #held = new HeldElements();
  /** How many waits have started; with #isWaiting it tells whether a wait overlapped an exchange. */
  #waits = 0;
  #isWaiting = false;
  /** The reply to a command that takes without checking the lease was lost: it may still be executed, much later. */
  #wasTakeLost = false;
  /** Its list may hold deliveries that it does not know about. */
  #mayHoldStrays = false;
  #returning: Promise<void> = Promise.resolve();
  #isRefused = false;
  /** When the next delayed message is due, in Redis's form. */
  #nextDue = '';
  /** How many more are each taken by a plain command. */
  #carefulFor: number;
  #carefulStep = 1;
  #isTimekeeper = false;
  /** How many were settled by parts of an exchange that failed later: sent again, they are not missing. */
  #settledBefore = 0;
  /** The next exchange parks a delayed message and takes nothing, which would have to wait for that. */
  #parksNext = false;
  /** Redis refuses to park the body of a large message, or to hand it out by a plain command: then the script must read it. */
  #readsLarge = false;
  /** By `performance.now()`. */
  #nextTrim = 0;
  /** By `performance.now()`. */
  #nextTold = 0;
  /** Redis's id of the blocking connection for which the lease was last checked. */
  #heldWhere: Connection['serverId'] | undefined;

  constructor(
    readonly consumer: string,
    private readonly terms: LeaseTerms,
    private readonly at: LeaseSurroundings,
  ) {
    // The connection was open before the lease was taken.
    this.#heldWhere = at.blocking.serverId;
    this.#carefulFor = at.mayMeetLarge ? CAREFUL_AT_FIRST : 0;
  }

  async exchange(
    settlements: readonly Settlement[],
    take: number,
    trial?: TrialStep,
    time?: TimeStep,
  ): Promise<Exchange | 'leaseLost'> {
    // At once if possible, so that handlers start while Redis works on it.
    if (!this.at.commands.isReady) await this.at.commands.ready();
    // What a wait has taken but not yet returned looks like a stray.
    if (this.#mayHoldStrays && !this.#isWaiting) await this.#returnStrays();
    const waitsBefore = this.#waits;
    const wasWaiting = this.#isWaiting;
    const oldestDone =
      this.#isWaiting || this.#mayHoldStrays ? 0 : this.#held.oldestDone(settlements);
    // What is no longer held was settled by an earlier call, or given up when its reply was lost.
    const known = oldestDone > 0 ? settlements : this.#held.stillHeld(settlements);
    this.at.flushReplies();
    const isCareful = take > 0 && this.#carefulFor > 0;
    const isParking = this.#parksNext;
    const terms: ExchangeTerms = {
      take: isCareful || isParking ? 0 : take,
      room: take,
      trial: trial ?? '',
      time: time ?? '',
    };
    const counted =
      oldestDone > 0 ? await this.#exchangeOnce([], oldestDone, terms, known) : 'miscounted';
    const settled = counted === 'miscounted' ? await this.#exchangeInParts(known, terms) : counted;
    if (this.#isRefused) this.#noteRefusal(undefined);
    if (settled === 'leaseLost') return settled;
    if (counted !== 'miscounted') this.#removeHeld(known, oldestDone);
    if (time !== undefined) this.#isTimekeeper = settled.isTimekeeper;
    this.#readsLarge = false;
    this.#nextDue = settled.nextDue;
    // During a wait, the list may rightly hold one more than is known.
    if (!wasWaiting && waitsBefore === this.#waits)
      this.#mayHoldStrays = settled.held > this.#held.length + settled.taken.length;
    const missing = settled.missing + settlements.length - known.length - this.#takeSettledBefore();
    // From here on nothing may throw: what was settled would be sent again and reported missing.
    if (settled.isLargeAhead) this.#takeNextCarefully();
    const takeCarefully = isCareful || settled.isLargeAhead ? take : 0;
    const reply = await this.#goOn(settled, takeCarefully, isParking);
    const isAlone = !wasWaiting && waitsBefore === this.#waits;
    if (reply.taken.length > 0 && !isAlone) this.#held.loseOrder();
    for (const element of reply.taken) this.#hold(element);
    return { ...reply, missing };
  }

  /** The rest of an exchange, after its script has replied. Never rejects. */
  async #goOn(
    settled: ExchangeReply,
    takeCarefully: number,
    isParking: boolean,
  ): Promise<ExchangeReply> {
    const mustPark = settled.isDueLarge && this.#isTimekeeper;
    this.#parksNext = mustPark && settled.taken.length > 0;
    if (mustPark && !this.#parksNext) {
      await this.#parkFirstDelayed();
      return { ...settled, isCut: true, dueInMs: 0 };
    }
    const taking = takeCarefully > 0 ? await this.#takeCarefully(settled, takeCarefully) : settled;
    const reply = taking.taken.some(isLarge) ? await this.#withLargeParked(taking) : taking;
    if (this.#parksNext) return { ...reply, dueInMs: 0 };
    return isParking ? { ...reply, isCut: true } : reply;
  }

  #hold(element: Buffer): void {
    this.#held.add(element);
    if (this.#carefulFor > 0) this.#carefulFor -= 1;
  }

  /** Takes the next elements by plain commands, if it may. */
  async #takeCarefully(reply: ExchangeReply, take: number): Promise<ExchangeReply> {
    if (reply.isPaused || reply.suspects === 'mine') return reply;
    const { waiting, processing } = this.#lists();
    const count = Math.min(take, this.#carefulStep);
    this.#carefulStep = Math.min(CAREFUL_STEP, 2 * count);
    const moves = await Promise.allSettled(
      Array.from({ length: count }, () =>
        this.at.commands.run('take messages', (client) =>
          client.lmoveBuffer(waiting, processing, 'LEFT', 'RIGHT'),
        ),
      ),
    );
    const taken: Buffer[] = [];
    let isOver = false;
    let isFailed = false;
    for (const move of moves) {
      if (move.status === 'rejected') {
        isFailed = true;
        this.#takeFailed(move.reason);
      } else if (move.value === null) isOver = true;
      else taken.push(move.value);
    }
    return { ...reply, isCut: isFailed || !isOver, taken };
  }

  #takeFailed(error: unknown): void {
    // A full Redis refuses plain commands. The script still takes, or learns why it cannot.
    if (error instanceof RedisRefusedError) {
      this.#carefulFor = 0;
      this.#readsLarge = true;
    }
    if (!(error instanceof OutcomeUnknownError)) return;
    this.#wasTakeLost = true;
    this.#mayHoldStrays = true;
  }

  async #parkFirstDelayed(): Promise<void> {
    try {
      this.#readsLarge = !(await this.at.large.parkFirstDelayed());
    } catch (error) {
      // If the outcome of parking is unknown, it is looked for again.
      this.#readsLarge = !(error instanceof OutcomeUnknownError);
    }
  }

  /** Never rejects: if one fails, everything that was taken is found as strays. */
  async #withLargeParked(reply: ExchangeReply): Promise<ExchangeReply> {
    const taken: Buffer[] = [];
    try {
      for (const element of reply.taken)
        taken.push(isLarge(element) ? await this.#park(element) : element);
    } catch {
      this.#mayHoldStrays = true;
      return { ...reply, isCut: true, taken: [] };
    }
    return { ...reply, taken };
  }

  /** Parks the body of a large element that was just taken. Returns the small element in its place. */
  async #park(element: Buffer): Promise<Buffer> {
    this.#takeNextCarefully();
    const parked = await this.at.large.park(this.#lists().processing, element);
    if (parked === undefined) return element;
    this.#held.keepBody(parked);
    return parked.element;
  }

  #takeNextCarefully(): void {
    this.#carefulFor = CAREFUL_AFTER_LARGE;
    this.#carefulStep = 1;
  }

  /** Only the last of the calls takes anything. */
  async #exchangeInParts(
    settlements: readonly Settlement[],
    terms: ExchangeTerms,
  ): Promise<ExchangeReply | 'leaseLost'> {
    const parts = partsOf(settlements, this.#held.length);
    let missing = 0;
    let done = 0;
    try {
      for (const [index, part] of parts.entries()) {
        const isLast = index === parts.length - 1;
        const asked = isLast ? terms : TAKING_NOTHING;
        const reply = await this.#exchangeOnce(part, 0, asked, settlements);
        if (reply === 'leaseLost') return reply;
        if (reply === 'miscounted')
          throw new TypeError('Nothing was counted, so nothing can be miscounted.');
        this.#removeHeld(part, 0);
        missing += reply.missing;
        done += part.length;
        if (isLast) return { ...reply, missing };
      }
    } catch (error) {
      this.#settledBefore += done - missing;
      throw error;
    }
    throw new TypeError('There is always a part.');
  }

  #takeSettledBefore(): number {
    const settled = this.#settledBefore;
    this.#settledBefore = 0;
    return settled;
  }

  #removeHeld(settlements: readonly Settlement[], oldestDone: number): void {
    if (oldestDone > 0) this.#held.removeOldest(oldestDone, settlements);
    else if (settlements.length > 0) this.#held.remove(settlements);
    if (!this.#isWaiting) this.#held.regainOrder();
  }

  async #exchangeOnce(
    settlements: readonly Settlement[],
    oldestDone: number,
    terms: ExchangeTerms,
    inQuestion: readonly Settlement[],
  ): Promise<ExchangeReply | 'leaseLost' | 'miscounted'> {
    const { commands, keys } = this.at;
    const { deadLetterLimit = NO_LIMIT, onceMs } = this.terms;
    const { acks, rest } = settlementArguments(settlements);
    const { consumer } = this;
    const held = this.#held.length;
    const lastDone = this.#held.beginningOf(oldestDone - 1);
    const knownDue = this.#nextDue;
    const readsLarge = this.#readsLarge ? 1 : 0;
    const done = { oldestDone, held, lastDone, acks };
    try {
      return await exchange.run(
        commands,
        { ...keys, processing: keys.processing(consumer) },
        {
          consumer,
          deadLetterLimit,
          onceMs,
          wake: keys.wake,
          knownDue,
          readsLarge,
          ...terms,
          ...done,
        },
        rest,
      );
    } catch (error) {
      if (error instanceof RedisRefusedError) this.#noteRefusal(error.message);
      return this.#lost(error, inQuestion);
    }
  }

  #noteRefusal(refusal: string | undefined): void {
    this.#isRefused = refusal !== undefined;
    this.at.onRefusal(refusal);
  }

  async wait(signal: AbortSignal): Promise<Buffer | 'leaseLost' | undefined> {
    const { blocking } = this.at;
    await blocking.ready();
    if (signal.aborted) return undefined;
    const { waiting, processing } = this.#lists();
    const seconds = this.terms.waitMs / 1_000;
    const unblock = (): void => void this.#unblock();
    signal.addEventListener('abort', unblock, { once: true });
    this.#waits += 1;
    this.#isWaiting = true;
    try {
      await this.#returning;
      if (!(await this.#isHeldWhere(blocking))) return 'leaseLost';
      const element = await blocking.runPurpose('wait for a message', (client) =>
        client.blmoveBuffer(waiting, processing, 'LEFT', 'RIGHT', seconds),
      );
      if (element === null) return undefined;
      const held = isLarge(element) ? await this.#park(element) : element;
      this.#hold(held);
      return held;
    } catch (error) {
      if (error instanceof OutcomeUnknownError) this.#wasTakeLost = true;
      return this.#lost(error);
    } finally {
      this.#isWaiting = false;
      signal.removeEventListener('abort', unblock);
    }
  }

  /**
   * Checked once each time the connection is opened: the Redis behind it may have forgotten the lease, and nobody would
   * look for what a wait puts into the list of an unknown consumer.
   */
  async #isHeldWhere(blocking: Connection): Promise<boolean> {
    while (this.#heldWhere !== blocking.serverId) {
      const opened = blocking.serverId;
      if ((await this.#renew()) === 'leaseLost') return false;
      this.#heldWhere = opened;
    }
    return true;
  }

  /** Never rejects: if Redis cannot be asked to end the wait, the connection of the wait is replaced. */
  async #unblock(): Promise<void> {
    const { blocking, commands } = this.at;
    try {
      const id = await blocking.serverId;
      if (id === undefined) return blocking.reconnect();
      // Redis replies 0 if the wait was sent but has not arrived there.
      while (
        this.#isWaiting &&
        (await commands.run('end a wait', (client) => client.client('UNBLOCK', id))) === 0
      ) {
        await pause(UNBLOCK_AGAIN_MS, NEVER);
      }
    } catch {
      // This makes the wait reject, so its caller is told.
      blocking.reconnect();
    }
  }

  wasHandled(messageId: string): Promise<boolean> {
    const { commands, keys } = this.at;
    return wasHandled.run(commands, { handled: keys.handled }, { id: messageId });
  }

  async parkedBody(parked: string): Promise<Buffer | 'leaseLost' | undefined> {
    const near = this.#held.takeBody(parked);
    if (near !== undefined) return near;
    const { commands, keys } = this.at;
    const bodies = this.at.bodies();
    await bodies.ready();
    const body = await bodies.run('read a parked body', (client) =>
      client.hgetBuffer(keys.parked, parked),
    );
    if (body !== null) return body;
    // Without the lease, another consumer may have handled the message, and the body was removed with it.
    await commands.ready();
    const leaseEnd = await commands.run('look up its lease', (client) =>
      client.zscore(keys.consumers, this.consumer),
    );
    return leaseEnd === null ? 'leaseLost' : undefined;
  }

  async renew(): Promise<Renewal | 'leaseLost'> {
    const reply = await this.#renew(performance.now() < this.#nextTold ? 0 : 1);
    if (reply === 'leaseLost') return reply;
    const { nowMs, doubtful, fenced, deadLettersDropped } = reply;
    if (deadLettersDropped === 0) return { nowMs, doubtful, fenced };
    this.#nextTold = performance.now() + TELL_DROPPED_EVERY_MS;
    return { nowMs, doubtful, fenced, deadLettersDropped };
  }

  async #renew(tellDropped: 0 | 1 = 0): Promise<RenewReply | 'leaseLost'> {
    const { commands, keys } = this.at;
    await commands.ready();
    const reply = await renew.run(commands, keys, {
      consumer: this.consumer,
      leaseMs: this.terms.leaseMs,
      deadLetterMaxAgeMs: this.#isTrimDue() ? this.terms.deadLetterMaxAgeMs : 0,
      tellDropped,
    });
    if (reply === 'leaseLost') return reply;
    if (reply.mayDropMore) this.#nextTrim = 0;
    this.at.onRedisTime(reply.nowMs);
    return reply;
  }

  #isTrimDue(): boolean {
    const now = performance.now();
    if (now < this.#nextTrim) return false;
    this.#nextTrim = now + Math.min(TRIM_EVERY_MS, this.terms.deadLetterMaxAgeMs);
    return true;
  }

  async reclaim(consumer: string, seenEndMs?: number): Promise<number> {
    const { commands, keys, newId } = this.at;
    const lists = { ...keys, processing: keys.processing(consumer) };
    const terms = { consumer, seenEndMs: seenEndMs ?? '', fenceMs: FENCE_MS, wake: keys.wake };
    await this.at.large.parkAll(lists.processing, { consumer, seenEndMs });
    let moved = 0;
    let isLastFound = 0;
    for (let left = 1; left > 0;) {
      const part = await reclaim.run(commands, lists, { ...terms, newId: newId(), isLastFound });
      if (part === 'notEnded') break;
      ({ left, isLastFound } = part);
      moved += part.moved;
    }
    return moved;
  }

  findLateTakes(consumers: readonly string[]): Promise<readonly string[]> {
    const { commands, keys } = this.at;
    const lists = consumers.map((consumer) => keys.processing(consumer));
    return findLateTakes.run(commands, { fenced: keys.fenced }, {}, consumers, lists);
  }

  async leave(): Promise<void> {
    const { commands, closeBlocking, keys } = this.at;
    const fenceMs = this.#isWaiting || this.#wasTakeLost ? FENCE_MS : 0;
    closeBlocking();
    this.#noteRefusal(undefined);
    await commands.ready();
    const lists = { ...keys, processing: keys.processing(this.consumer) };
    if (this.#mayHoldStrays) await this.at.large.parkAll(lists.processing);
    for (let left = 1; left > 0;)
      left = await leave.run(commands, lists, {
        consumer: this.consumer,
        fenceMs,
        wake: keys.wake,
      });
  }

  /**
   * The outcome is unknown. Settling an element without an id again could settle another message with the same bytes: so
   * it is given up, and if it is still in the list, it is a stray and handed out again.
   */
  #lost(error: unknown, settlements: readonly Settlement[] = []): never {
    if (error instanceof OutcomeUnknownError) {
      this.#mayHoldStrays = true;
      this.#held.remove(settlements.filter(({ element }) => idOf(element) === undefined));
    }
    throw error;
  }

  async #returnStrays(): Promise<void> {
    const { commands, large } = this.at;
    this.#held.dropBodiesOfOthers();
    const returned = returnStrays(commands, large, this.#lists(), this.#held.all);
    this.#returning = returned.then(noop, noop);
    await returned;
    this.#mayHoldStrays = false;
  }

  #lists(): { waiting: string; suspects: string; processing: string } {
    const { keys } = this.at;
    const { waiting, suspects } = keys;
    return { waiting, suspects, processing: keys.processing(this.consumer) };
  }
}

function isLarge({ length }: Buffer): boolean {
  return length > LARGE_BYTES;
}
