import type { Exchange, Lease, LeaseTerms, Renewal, Settlement } from '../core/broker.js';
import { decodeElement } from '../core/envelope.js';
import { OutcomeUnknownError } from '../core/errors.js';
import { pause } from '../core/pause.js';
import type { Connection } from './connection.js';
import type { QueueKeys } from './keys.js';
import { exchange, settlementArguments } from './scripts/exchange.js';
import type { ExchangeReply } from './scripts/exchange.js';
import { leave } from './scripts/leave.js';
import { reclaim } from './scripts/reclaim.js';
import { renew } from './scripts/renew.js';
import { returnStrays } from './scripts/return-strays.js';
import { wasHandled } from './scripts/was-handled.js';

/** What a lease needs from the broker that made it. */
export interface LeaseSurroundings {
  /** For scripts; shared with everything else that this process does. */
  readonly commands: Connection;
  /** For the blocking call; this lease's alone. */
  readonly blocking: Connection;
  readonly closeBlocking: () => void;
  readonly keys: QueueKeys;
  /** Makes an id that nobody else has. */
  readonly newId: () => string;
  /** Writes what must leave before an exchange. */
  readonly flushReplies: () => void;
  readonly onRedisTime: (nowMs: number) => void;
}

/** How long a name is watched after its lease ended: TCP gives up resending a delayed command after about 15 minutes. */
const FENCE_MS = 15 * 60_000;

/** How long a verb waits for the connection before it fails; the caller tries again. */
const CONNECTION_WAIT_MS = 1_000;

const UNBLOCK_AGAIN_MS = 10;
const noop = (): void => undefined;
const NEVER = new AbortController().signal;

/** One consumer's lease. Knows what it handed out, and so notices what an answer that got lost left in its list. */
export class RedisLease implements Lease {
  #held = new Set<Buffer>();
  /** Waits begun so far; with #isWaiting it tells whether a wait overlapped an exchange. */
  #waits = 0;
  #isWaiting = false;
  /** The answer of a wait got lost. Its command may still come to be executed, also long after later waits. */
  #wasWaitLost = false;
  /** Its list may hold deliveries that it does not know of. */
  #mayHoldStrays = false;
  #returning: Promise<void> = Promise.resolve();
  /** The opening of the blocking connection, known by the id that Redis gave it, after which the lease was seen. */
  #heldWhere: Connection['serverId'] | undefined;

  constructor(
    readonly consumer: string,
    private readonly terms: LeaseTerms,
    private readonly at: LeaseSurroundings,
  ) {}

  async exchange(
    settlements: readonly Settlement[],
    take: number,
  ): Promise<Exchange | 'leaseLost'> {
    await this.at.commands.ready(CONNECTION_WAIT_MS);
    // What a wait has taken, and has not answered yet, looks like a stray.
    if (this.#mayHoldStrays && !this.#isWaiting) await this.#returnStrays();
    // What is no longer held was settled by an earlier call, or given up when its answer got lost.
    const known = settlements.filter(({ element }) => this.#held.has(element));
    const waitsBefore = this.#waits;
    const wasWaiting = this.#isWaiting;
    this.at.flushReplies();
    let reply = this.#areAllDone(known)
      ? await this.#exchangeOnce([], known.length, take).catch((error: unknown) =>
          this.#lost(error, known),
        )
      : 'miscounted';
    if (reply === 'miscounted') {
      reply = await this.#exchangeOnce(known, 0, take).catch((error: unknown) =>
        this.#lost(error, known),
      );
    }
    if (reply === 'miscounted')
      throw new TypeError('Nothing was counted, so nothing can be miscounted.');
    if (reply === 'leaseLost') return reply;
    this.#removeHeld(known);
    for (const element of reply.taken) this.#held.add(element);
    // With a wait under way the list may rightly hold one more than is known.
    if (!wasWaiting && waitsBefore === this.#waits)
      this.#mayHoldStrays = reply.held > this.#held.size;
    return { ...reply, missing: reply.missing + settlements.length - known.length };
  }

  /**
   * A Set that goes on growing and shrinking would make the garbage collector keep what it held
   * (see `core/running.ts`): where most of it goes, a new one is made.
   */
  #removeHeld(settlements: readonly Settlement[]): void {
    if (settlements.length === this.#held.size) {
      this.#held = new Set();
      return;
    }
    const isMost = settlements.length * 2 > this.#held.size;
    if (isMost) this.#held = new Set(this.#held);
    for (const { element } of settlements) this.#held.delete(element);
  }

  /** Whether everything that the processing list can hold is done, and nothing is to be done but to remove it. */
  #areAllDone(settlements: readonly Settlement[]): boolean {
    if (settlements.length === 0 || settlements.length !== this.#held.size) return false;
    if (this.#isWaiting || this.#mayHoldStrays) return false;
    return settlements.every((one) => one.kind === 'ack' && one.onceId === undefined);
  }

  #exchangeOnce(
    settlements: readonly Settlement[],
    allDone: number,
    take: number,
  ): Promise<ExchangeReply | 'leaseLost' | 'miscounted'> {
    const { commands, keys } = this.at;
    const { deadLetterLimit, onceMs } = this.terms;
    const { acks, rest } = settlementArguments(settlements);
    const { consumer } = this;
    return exchange.run(
      commands,
      { ...keys, processing: keys.processing(consumer) },
      { consumer, take, deadLetterLimit, onceMs, wake: keys.wake, allDone, acks },
      rest,
    );
  }

  async wait(signal: AbortSignal): Promise<Buffer | 'leaseLost' | undefined> {
    const { blocking } = this.at;
    await blocking.ready(CONNECTION_WAIT_MS);
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
      const element = await blocking.run('wait for a message', (client) =>
        client.blmoveBuffer(waiting, processing, 'LEFT', 'RIGHT', seconds),
      );
      if (element === null) return undefined;
      this.#held.add(element);
      return element;
    } catch (error) {
      if (error instanceof OutcomeUnknownError) this.#wasWaitLost = true;
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
      if ((await this.renew()) === 'leaseLost') return false;
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

  async renew(): Promise<Renewal | 'leaseLost'> {
    const { commands, keys } = this.at;
    await commands.ready(CONNECTION_WAIT_MS);
    const { leaseMs, deadLetterMaxAgeMs } = this.terms;
    const reply = await renew.run(commands, keys, {
      consumer: this.consumer,
      leaseMs,
      deadLetterMaxAgeMs,
    });
    if (reply === 'leaseLost') return reply;
    this.at.onRedisTime(reply.nowMs);
    return { ended: reply.ended };
  }

  async reclaim(consumer: string): Promise<number> {
    const { commands, keys, newId } = this.at;
    const { waiting, consumers, fenced } = keys;
    const processing = keys.processing(consumer);
    const held = await reclaim.run(
      commands,
      { waiting, processing, consumers, fenced },
      { consumer, fenceMs: FENCE_MS, newId: newId() },
    );
    return Math.max(0, held);
  }

  async leave(): Promise<void> {
    const { commands, closeBlocking, keys } = this.at;
    const { consumers, fenced } = keys;
    const fenceMs = this.#isWaiting || this.#wasWaitLost ? FENCE_MS : 0;
    closeBlocking();
    await commands.ready(CONNECTION_WAIT_MS);
    await leave.run(
      commands,
      { ...this.#lists(), consumers, fenced },
      { consumer: this.consumer, fenceMs },
    );
  }

  /**
   * Nobody knows whether it was executed. Settling again what has no id of its own could settle another message of the
   * same bytes: it is given up, and if it is still in the list, it is a stray and handed out again.
   */
  #lost(error: unknown, settlements: readonly Settlement[] = []): never {
    if (error instanceof OutcomeUnknownError) {
      this.#mayHoldStrays = true;
      for (const { element } of settlements) if (!hasOwnId(element)) this.#held.delete(element);
    }
    throw error;
  }

  async #returnStrays(): Promise<void> {
    const returned = returnStrays.run(this.at.commands, this.#lists(), {}, [...this.#held]);
    this.#returning = returned.then(noop, noop);
    await returned;
    this.#mayHoldStrays = false;
  }

  #lists(): { waiting: string; processing: string } {
    return { waiting: this.at.keys.waiting, processing: this.at.keys.processing(this.consumer) };
  }
}

function hasOwnId(element: Buffer): boolean {
  try {
    return decodeElement(element).id !== undefined;
  } catch {
    return false; // what cannot be read has none
  }
}
