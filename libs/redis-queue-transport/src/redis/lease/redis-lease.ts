import type {
  Exchange,
  Lease,
  LeaseTerms,
  Renewal,
  Settlement,
  TimeStep,
  TrialStep,
} from '../../core/broker/broker.js';
import { idOf } from '../../core/message/envelope.js';
import { OutcomeUnknownError, RedisRefusedError } from '../../core/errors/errors.js';
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

/** What a lease needs from the broker that made it. */
export interface LeaseSurroundings {
  /** For scripts; shared with everything else that this process does. */
  readonly commands: Connection;
  /** For the blocking call; this lease's alone. */
  readonly blocking: Connection;
  readonly closeBlocking: () => void;
  /** For parked bodies, behind which nothing else may have to wait. */
  readonly bodies: () => Connection;
  readonly keys: QueueKeys;
  readonly large: LargeElements;
  /** There may be a large element among the first that wait. */
  readonly mayMeetLarge: boolean;
  /** Makes an id that nobody else has. */
  readonly newId: () => string;
  /** Writes what must leave before an exchange. */
  readonly flushReplies: () => void;
  readonly onRedisTime: (nowMs: number) => void;
  /** Tells health that Redis refuses to hand out and to settle, or, with undefined, that it does so no longer. */
  readonly onRefusal: (refusal: string | undefined) => void;
}

/** How long a name is watched after its lease ended: TCP gives up resending a delayed command after about 15 minutes. */
const FENCE_MS = 15 * 60_000;

/** Once it was told that dead letters were dropped, it is not told again for so long. */
const TELL_DROPPED_EVERY_MS = 60_000;

/** More than a stream can hold. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER;

/** How often dead letters are looked through for those that are too old; more often where they live for less. */
const TRIM_EVERY_MS = 60_000;

/**
 * After a large element so many are taken each by a command of its own, which copies it faster than any script reads it: a
 * script cannot know how large the next one is before it has read it.
 */
const CAREFUL_AFTER_LARGE = 1_000;

/** And so many of a list that may begin with one. */
const CAREFUL_AT_FIRST = 16;

/** So many of these commands are sent together at most: one at first, and twice as many as long as all were small. */
const CAREFUL_STEP = 16;

const UNBLOCK_AGAIN_MS = 10;
const noop = (): void => undefined;
const NEVER = new AbortController().signal;

/** What an exchange asks for beside settling. */
interface ExchangeTerms {
  readonly take: number;
  /** How many may come, this way or another. */
  readonly room: number;
  readonly trial: TrialStep | '';
  readonly time: TimeStep | '';
}

const TAKING_NOTHING: ExchangeTerms = { take: 0, room: 0, trial: '', time: '' };

/** One consumer's lease. Knows what it handed out, and so notices what an answer that got lost left in its list. */
export class RedisLease implements Lease {
  readonly #held = new HeldElements();
  /** Waits begun so far; with #isWaiting it tells whether a wait overlapped an exchange. */
  #waits = 0;
  #isWaiting = false;
  /** The answer of a command that takes without asking for the lease got lost: it may still come to be executed, much later. */
  #wasTakeLost = false;
  /** Its list may hold deliveries that it does not know of. */
  #mayHoldStrays = false;
  #returning: Promise<void> = Promise.resolve();
  #isRefused = false;
  /** When the next delayed message is due, as Redis has it. */
  #nextDue = '';
  /** So many more are taken each by a command of its own. */
  #carefulFor: number;
  #carefulStep = 1;
  #isTimekeeper = false;
  /** So many were settled by parts of an exchange that failed later: given again, they are not missing. */
  #settledBefore = 0;
  /** A delayed message is to be parked by an exchange that takes nothing: what it took would have to wait for that. */
  #parksNext = false;
  /** Redis refuses to park the body of a delayed message that is large: then the script has to read it. */
  #readsLarge = false;
  /** By `performance.now()`. */
  #nextTrim = 0;
  /** By `performance.now()`. */
  #nextTold = 0;
  /** The opening of the blocking connection, known by the id that Redis gave it, after which the lease was seen. */
  #heldWhere: Connection['serverId'] | undefined;

  constructor(
    readonly consumer: string,
    private readonly terms: LeaseTerms,
    private readonly at: LeaseSurroundings,
  ) {
    // It was open before the lease was taken.
    this.#heldWhere = at.blocking.serverId;
    this.#carefulFor = at.mayMeetLarge ? CAREFUL_AT_FIRST : 0;
  }

  async exchange(
    settlements: readonly Settlement[],
    take: number,
    trial?: TrialStep,
    time?: TimeStep,
  ): Promise<Exchange | 'leaseLost'> {
    // At once where possible: while Redis works on it, handlers are started.
    if (!this.at.commands.isReady) await this.at.commands.ready();
    // What a wait has taken, and has not answered yet, looks like a stray.
    if (this.#mayHoldStrays && !this.#isWaiting) await this.#returnStrays();
    const waitsBefore = this.#waits;
    const wasWaiting = this.#isWaiting;
    const oldestDone =
      this.#isWaiting || this.#mayHoldStrays ? 0 : this.#held.oldestDone(settlements);
    // What is no longer held was settled by an earlier call, or given up when its answer got lost.
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
    // With a wait under way the list may rightly hold one more than is known.
    if (!wasWaiting && waitsBefore === this.#waits)
      this.#mayHoldStrays = settled.held > this.#held.length + settled.taken.length;
    const missing = settled.missing + settlements.length - known.length - this.#takeSettledBefore();
    // From here on nothing may throw: what was settled would be given again, and be missing.
    const reply = await this.#goOn(settled, isCareful ? take : 0, isParking);
    const isAlone = !wasWaiting && waitsBefore === this.#waits;
    if (reply.taken.length > 0 && !isAlone) this.#held.loseOrder();
    for (const element of reply.taken) this.#hold(element);
    return { ...reply, missing };
  }

  /** What an exchange does once its script has answered. Never rejects. */
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

  /** Takes what comes next, if that may be, by commands of their own. */
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
    // A full Redis takes nothing from plain commands. The script takes all the same, or is told why not.
    if (error instanceof RedisRefusedError) this.#carefulFor = 0;
    if (!(error instanceof OutcomeUnknownError)) return;
    this.#wasTakeLost = true;
    this.#mayHoldStrays = true;
  }

  async #parkFirstDelayed(): Promise<void> {
    try {
      this.#readsLarge = !(await this.at.large.parkFirstDelayed());
    } catch (error) {
      // Where nobody knows whether it was parked it is looked for again.
      this.#readsLarge = !(error instanceof OutcomeUnknownError);
    }
  }

  /** Never rejects: where one fails, all that was taken is found as strays. */
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

  /** Parks the body of a large element that was just taken; answers what stands for it now. */
  async #park(element: Buffer): Promise<Buffer> {
    this.#carefulFor = CAREFUL_AFTER_LARGE;
    this.#carefulStep = 1;
    const parked = await this.at.large.park(this.#lists().processing, element);
    if (parked === undefined) return element;
    this.#held.keepBody(parked);
    return parked.element;
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
   * Asked once for each time that the connection was opened: behind it there may be a Redis that has forgotten the
   * lease, and nobody would look for what a wait puts into the list of a consumer that nobody knows.
   */
  async #isHeldWhere(blocking: Connection): Promise<boolean> {
    while (this.#heldWhere !== blocking.serverId) {
      const opened = blocking.serverId;
      if ((await this.#renew()) === 'leaseLost') return false;
      this.#heldWhere = opened;
    }
    return true;
  }

  /** Never rejects: where Redis cannot be asked to end the wait, the wait's connection is given up. */
  async #unblock(): Promise<void> {
    const { blocking, commands } = this.at;
    try {
      const id = await blocking.serverId;
      if (id === undefined) return blocking.reconnect();
      // Redis answers 0 while the wait has been sent but has not arrived there.
      while (
        this.#isWaiting &&
        (await commands.run('end a wait', (client) => client.client('UNBLOCK', id))) === 0
      ) {
        await pause(UNBLOCK_AGAIN_MS, NEVER);
      }
    } catch {
      // The wait itself rejects by this, and its caller is told.
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
    // Once the lease is gone, another consumer may have had the message, and the body went with it.
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
   * Nobody knows whether it was executed. Settling again what has no id of its own could settle another message of the
   * same bytes: it is given up, and if it is still in the list, it is a stray and handed out again.
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
