import type { Exchange, Lease, LeaseTerms, Renewal, Settlement } from '../core/broker.js';
import { OutcomeUnknownError } from '../core/errors.js';
import { pause } from '../core/pause.js';
import type { Connection } from './connection.js';
import type { QueueKeys } from './keys.js';
import { exchange, settlementArguments } from './scripts/exchange.js';
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
const NEVER = new AbortController().signal;

/** One consumer's lease. Knows what it handed out, and so notices what an answer that got lost left in its list. */
export class RedisLease implements Lease {
  readonly #held = new Set<Buffer>();
  /** Waits begun so far; with #isWaiting it tells whether a wait overlapped an exchange. */
  #waits = 0;
  #isWaiting = false;
  /** The answer of a wait got lost. Its command may still come to be executed, also long after later waits. */
  #wasWaitLost = false;
  #holdsStrays = false;

  constructor(
    readonly consumer: string,
    private readonly terms: LeaseTerms,
    private readonly at: LeaseSurroundings,
  ) {}

  async exchange(
    settlements: readonly Settlement[],
    take: number,
  ): Promise<Exchange | 'leaseLost'> {
    const { commands, keys } = this.at;
    await commands.ready(CONNECTION_WAIT_MS);
    if (this.#holdsStrays) await this.#returnStrays();
    const { acks, rest } = settlementArguments(settlements);
    const { deadLetterLimit, onceMs } = this.terms;
    const waitsBefore = this.#waits;
    const wasWaiting = this.#isWaiting;
    this.at.flushReplies();
    const reply = await exchange.run(
      commands,
      { ...keys, processing: keys.processing(this.consumer) },
      { consumer: this.consumer, take, deadLetterLimit, onceMs, acks },
      rest,
    );
    if (reply === 'leaseLost') return reply;
    for (const settlement of settlements) this.#held.delete(settlement.element);
    for (const element of reply.taken) this.#held.add(element);
    // With a wait under way the list may rightly hold one more than is known.
    if (!wasWaiting && waitsBefore === this.#waits)
      this.#holdsStrays = reply.held > this.#held.size;
    return reply;
  }

  async wait(signal: AbortSignal): Promise<Buffer | undefined> {
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
      const element = await blocking.run('wait for a message', (client) =>
        client.blmoveBuffer(waiting, processing, 'LEFT', 'RIGHT', seconds),
      );
      if (element === null) return undefined;
      this.#held.add(element);
      return element;
    } catch (error) {
      if (error instanceof OutcomeUnknownError) this.#wasWaitLost = true;
      throw error;
    } finally {
      this.#isWaiting = false;
      signal.removeEventListener('abort', unblock);
    }
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
    await leave.run(
      commands,
      { ...this.#lists(), consumers, fenced },
      { consumer: this.consumer, fenceMs },
    );
  }

  async #returnStrays(): Promise<void> {
    await returnStrays.run(this.at.commands, this.#lists(), {}, [...this.#held]);
    this.#holdsStrays = false;
  }

  #lists(): { waiting: string; processing: string } {
    return { waiting: this.at.keys.waiting, processing: this.at.keys.processing(this.consumer) };
  }
}
