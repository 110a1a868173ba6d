import type {
  Exchange,
  Lease,
  LeaseTerms,
  ReadKey,
  Renewal,
  RenewalTime,
  Settlement,
  TimeStep,
  TrialStep,
  UnkeyedPart,
} from '../../core/broker/lease.js';
import type { Limited } from '../../core/broker/limit.js';
import { idOf } from '../../core/message/envelope.js';
import { OutcomeUnknownError, RedisRefusedError } from '../../core/errors/call-errors.js';
import { Admissions } from '../exchange/admissions.js';
import { CarefulTaking } from '../exchange/careful-taking.js';
import { HeldElements } from '../exchange/held-elements.js';
import { LARGE_BYTES } from '../script/script.js';
import { exchange } from '../exchange/exchange.script.js';
import type { ExchangeReply } from '../exchange/exchange-reply.js';
import { leave } from './leave.script.js';
import type { QueueKeys } from '../keys/keys.js';
import type { LeaseSurroundings } from './lease-surroundings.js';
import { FENCE_MS, lateTakesOf, reclaimAll } from './reclaiming.js';
import { Renewals } from './renewals.js';
import { settlementArguments } from '../exchange/settlement-arguments.js';
import { partsOf } from '../exchange/settlement-parts.js';
import type { Waiting } from '../waiting/waiting.js';
import { returnStrays } from '../exchange/strays.js';
import { Unkeyed } from '../unkeyed/unkeyed.js';
import { wasHandled } from '../exchange/was-handled.script.js';

/** More than a stream can hold. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER;

const noop = (): void => undefined;

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
  /** Those of its queue, with its own list. */
  readonly #keys: Omit<QueueKeys, 'processing'> & { readonly processing: string };
  readonly #careful: CarefulTaking;
  readonly #admissions: Admissions;
  readonly #renewals: Renewals;
  readonly #unkeyed: Unkeyed;
  readonly #wait: Waiting;
  /** The reply to a command that takes without checking the lease was lost: it may still be executed, much later. */
  #wasTakeLost = false;
  /** Its list may hold deliveries that it does not know about. */
  #mayHoldStrays = false;
  /** The socket through which it last compared its list with what it knows: behind another one may be an earlier Redis. */
  #comparedThrough: unknown;
  #returning: Promise<void> = Promise.resolve();
  #isRefused = false;
  /** When the next delayed message is due, in Redis's form. */
  #nextDue = '';
  #isTimekeeper = false;
  /** How many were settled by parts of an exchange that failed later: sent again, they are not missing. */
  #settledBefore = 0;
  /** The next exchange parks a delayed message. It takes nothing: what it took would have to wait for the parking. */
  #parksNext = false;
  /** Redis refuses to park the body of a large message, or to hand it out by a plain command: then the script must read it. */
  #readsLarge = false;

  constructor(
    readonly consumer: string,
    private readonly terms: LeaseTerms,
    private readonly at: LeaseSurroundings,
  ) {
    const { commands, keys, mayMeetLarge, takesFrom, waiting } = at;
    this.#keys = { ...keys, processing: keys.processing(consumer) };
    this.#careful = new CarefulTaking(commands, this.#keys, takesFrom, mayMeetLarge);
    this.#admissions = new Admissions(consumer, terms.limit, at, this.#keys);
    this.#renewals = new Renewals(consumer, terms, at, {
      due: () => (this.#isTimekeeper ? this.#nextDue || 'none' : undefined),
      holds: () => this.#held.length,
    });
    this.#unkeyed = new Unkeyed(consumer, at);
    this.#wait = waiting;
    this.#comparedThrough = this.#socket;
  }

  get #socket(): unknown {
    return this.at.commands.socket;
  }

  /** What it knows may differ from its list: a reply was lost, or Redis has come back without its last writes. */
  get #mustCompare(): boolean {
    return this.#mayHoldStrays || this.#comparedThrough !== this.#socket;
  }

  async exchange(
    settlements: readonly Settlement[],
    take: number,
    trial?: TrialStep,
    time?: TimeStep,
  ): Promise<Exchange | 'leaseLost'> {
    // At once if possible, so that handlers start while Redis works on it.
    if (!this.at.commands.isReady) await this.at.commands.ready();
    // An element that a wait has taken but not yet returned looks like a stray.
    if (this.#mustCompare && !this.#wait.mayTake) await this.#returnStrays();
    const waitsBefore = this.#wait.started;
    const wasWaiting = this.#wait.mayTake;
    const oldestDone =
      this.#wait.mayTake || this.#mustCompare ? 0 : this.#held.oldestDone(settlements);
    // Elements that are no longer held were settled by an earlier call, or given up when its reply was lost.
    const known = oldestDone > 0 ? settlements : this.#held.stillHeld(settlements);
    this.at.flushReplies();
    const isCareful = take > 0 && this.#careful.isDue;
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
    if (!wasWaiting && waitsBefore === this.#wait.started)
      this.#mayHoldStrays = settled.held > this.#held.length + settled.taken.length;
    const missing = settled.missing + settlements.length - known.length - this.#takeSettledBefore();
    // From here on nothing may throw: what was settled would be sent again and reported missing.
    if (settled.isLargeAhead) this.#careful.metLarge();
    const takeCarefully =
      settled.limited === undefined && (isCareful || settled.isLargeAhead) ? take : 0;
    const reply = await this.#goOn(settled, takeCarefully, isParking);
    const isAlone = !wasWaiting && waitsBefore === this.#wait.started;
    if (reply.taken.length > 0 && !isAlone) this.#held.loseOrder();
    for (const element of reply.taken) this.#held.add(element);
    if (this.#careful.isDue) this.#careful.count(reply.taken.length);
    this.#wait.exchanged(take, reply.taken.length);
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
    const parked = taking.taken.some(isLarge) ? await this.#withLargeParked(taking) : taking;
    const reply = takeCarefully > 0 ? await this.#withAdmitted(parked) : parked;
    if (this.#parksNext) return { ...reply, dueInMs: 0 };
    return isParking ? { ...reply, isCut: true } : reply;
  }

  /** Takes the next elements by plain commands, if it may. */
  async #takeCarefully(reply: ExchangeReply, take: number): Promise<ExchangeReply> {
    if (reply.isPaused || reply.suspects === 'mine') return reply;
    const { taken, isCut, isRefused, isUnknown } = await this.#careful.take(take);
    // A full Redis refuses plain commands. The script still takes, or learns why it cannot.
    if (isRefused) this.#readsLarge = true;
    if (isUnknown) {
      this.#wasTakeLost = true;
      this.#mayHoldStrays = true;
    }
    return { ...reply, taken, isCut };
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

  /** Never rejects: if it fails, everything that was taken is found as strays. */
  async #withAdmitted(reply: ExchangeReply): Promise<ExchangeReply> {
    if (!this.#admissions.areNeeded || reply.taken.length === 0) return reply;
    try {
      const admission = await this.#admissions.admit(reply.taken);
      // The next call learns that the lease is lost.
      if (admission === 'leaseLost') return { ...reply, taken: [] };
      const { admitted, limited } = admission;
      const taken = reply.taken.slice(0, admitted);
      return limited === undefined ? reply : { ...reply, taken, limited, isCut: false };
    } catch {
      this.#mayHoldStrays = true;
      return { ...reply, isCut: true, taken: [] };
    }
  }

  /** Parks the body of a large element that was just taken. Returns the small element in its place. */
  async #park(element: Buffer): Promise<Buffer> {
    this.#careful.metLarge();
    const parked = await this.at.large.park(this.#keys.processing, element);
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
    if (!this.#wait.mayTake) this.#held.regainOrder();
  }

  async #exchangeOnce(
    settlements: readonly Settlement[],
    oldestDone: number,
    terms: ExchangeTerms,
    inQuestion: readonly Settlement[],
  ): Promise<ExchangeReply | 'leaseLost' | 'miscounted'> {
    const { commands, keys, takesFrom } = this.at;
    const { deadLetterLimit = NO_LIMIT, onceMs } = this.terms;
    const { acks, rows } = settlementArguments(settlements);
    const { take, room, trial, time } = terms;
    const keysDone = this.#held.keysOfOldest(oldestDone);
    try {
      return await exchange.run(
        commands,
        this.#keys,
        {
          consumer: this.consumer,
          wake: keys.wake,
          take,
          oldestDone,
          held: this.#held.length,
          lastDone: this.#held.beginningOf(oldestDone - 1),
          deadLetterLimit: rows.length === 0 ? '' : deadLetterLimit,
          onceMs: rows.length === 0 ? '' : onceMs,
          trial,
          time,
          knownDue: this.#nextDue,
          readsLarge: this.#readsLarge ? 1 : 0,
          room: room === take ? '' : room,
          limit: this.#admissions.limit,
          takesFrom,
          keys: keysDone.length,
          acks: acks.length,
        },
        rows,
        { values: keysDone.length === 0 ? acks : [...keysDone, ...acks] },
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

  async wait(signal: AbortSignal): Promise<Buffer | Limited | 'leaseLost' | 'look' | undefined> {
    try {
      return await this.#wait.wait({
        signal,
        isHeld: () => this.#renewals.isHeld(),
        returned: () => this.#returning,
        keep: this.#keepWaitedFor,
      });
    } catch (error) {
      return this.#lost(error);
    }
  }

  readonly #keepWaitedFor = async (taken: Buffer): Promise<Buffer | Limited | 'leaseLost'> => {
    const element = isLarge(taken) ? await this.#park(taken) : taken;
    const refused = this.#admissions.areNeeded ? await this.#admitWaitedFor(element) : undefined;
    if (refused !== undefined) return refused;
    this.#held.add(element);
    this.#careful.count(1);
    return element;
  };

  /** Returns why it must not start, if so. */
  async #admitWaitedFor(element: Buffer): Promise<Limited | 'leaseLost' | undefined> {
    try {
      const admission = await this.#admissions.admit([element]);
      return admission === 'leaseLost' ? admission : admission.limited;
    } catch (error) {
      this.#mayHoldStrays = true;
      throw error;
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

  readUnkeyed(
    read: readonly ReadKey[],
    most: number,
  ): Promise<UnkeyedPart | 'others' | 'leaseLost'> {
    return this.#unkeyed.read(read, most);
  }

  passUnkeyed(): Promise<'done' | 'more' | 'leaseLost'> {
    return this.#unkeyed.pass();
  }

  renew(when: RenewalTime = 'now'): Promise<Renewal | 'leaseLost'> {
    return this.#renewals.renew(when);
  }

  reclaim(consumer: string, seenEndMs?: number): Promise<number> {
    return reclaimAll(this.at, consumer, seenEndMs);
  }

  findLateTakes(consumers: readonly string[]): Promise<readonly string[]> {
    return lateTakesOf(this.at, consumers);
  }

  async leave(): Promise<void> {
    const { commands, keys, takesFrom } = this.at;
    const mayTakeLate = this.#wait.mayTake || this.#wait.wasTakeLost || this.#wasTakeLost;
    const fenceMs = mayTakeLate ? FENCE_MS : 0;
    this.#over();
    this.#noteRefusal(undefined);
    await commands.ready();
    if (this.#mustCompare) await this.at.large.parkAll(this.#keys.processing);
    for (let left = 1; left > 0;)
      left = await leave.run(commands, this.#keys, {
        consumer: this.consumer,
        fenceMs,
        wake: keys.wake,
        takesFrom,
      });
  }

  /** It waits and renews no more. May be called more than once. */
  #over(): void {
    this.#wait.over();
    this.#renewals.over();
    this.at.onOver();
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
    const { commands: connection, large, takesFrom } = this.at;
    this.#held.dropBodiesOfOthers();
    const straying = { consumer: this.consumer, connection, large, keys: this.#keys, takesFrom };
    const socket = this.#socket;
    const returned = returnStrays(straying, this.#held.all);
    this.#returning = returned.then(noop, noop);
    const { order, gone } = await returned;
    if (order === 'otherOrder') this.#held.loseOrder();
    // Else they would count for others that a late command takes.
    this.#held.forget(gone);
    this.#mayHoldStrays = false;
    this.#comparedThrough = socket;
  }
}

function isLarge({ length }: Buffer): boolean {
  return length > LARGE_BYTES;
}
