import { RedisRefusedError } from '../../core/errors/call-errors.js';
import type { RenewalTime } from '../../core/broker/lease.js';
import { nodeRuntime } from '../../core/process/node-runtime.js';
import type { Timer } from '../../core/process/runtime.js';
import type { Connection } from '../connection/connection.js';
import { failureOf, wasRefusedMidway } from '../connection/failure.js';
import { divided } from '../script/divided.js';
import { keysInOrder, renew } from './renew.script.js';
import type { RenewArguments, RenewKeys, RenewReply } from './renew.script.js';

/** Most leases that one script renews. */
const MOST_AT_ONCE = 100;

/** How long, as a part of its lease, a renewal may wait for others. */
const WAITS_PART = 1 / 30;
/** When the next renewal of a lease is due, as a part of it. */
const DUE_PART = 1 / 3;

/** A lease of this process. */
export interface Renewed {
  readonly leaseMs: number;
  readonly keys: RenewKeys;
}

interface Asked {
  readonly lease: Renewed;
  readonly argumentsNow: () => RenewArguments;
  readonly resolve: (reply: RenewReply | 'leaseLost') => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Renews the leases of a process together, in as few calls as possible. A renewal waits a moment for those that are about to
 * be due; from then on, they are due at the same time.
 */
export class RenewalRounds {
  /** When each lease is to be renewed next, by `Runtime.now`. */
  readonly #dueAt = new Map<Renewed, number>();
  #asked: Asked[] = [];
  #sendBy = Infinity;
  #timer: Timer | undefined;
  #isSending = false;

  constructor(private readonly commands: Connection) {}

  add(lease: Renewed): void {
    this.#dueAt.set(lease, nodeRuntime.now());
  }

  remove(lease: Renewed): void {
    this.#dueAt.delete(lease);
  }

  /**
   * @param argumentsNow called when it is sent
   * @throws RedisUnavailableError | OutcomeUnknownError | RedisRefusedError
   */
  renew(
    lease: Renewed,
    when: RenewalTime,
    argumentsNow: () => RenewArguments,
  ): Promise<RenewReply | 'leaseLost'> {
    const now = nodeRuntime.now();
    const { leaseMs } = lease;
    if (when === 'soon' && this.#dueAt.has(lease)) this.#dueAt.set(lease, Infinity);
    const reply = new Promise<RenewReply | 'leaseLost'>((resolve, reject) => {
      this.#asked.push({ lease, argumentsNow, resolve, reject });
    }).finally(() => {
      if (when === 'soon' && this.#dueAt.has(lease))
        this.#dueAt.set(lease, nodeRuntime.now() + DUE_PART * leaseMs);
    });
    this.#sendBy = Math.min(this.#sendBy, when === 'now' ? now : now + WAITS_PART * leaseMs);
    this.#plan(now);
    return reply;
  }

  /** Sends what is asked, or waits for others that are due before. */
  #plan(now: number): void {
    nodeRuntime.clearTimeout(this.#timer);
    if (this.#isSending) return;
    if (now < this.#sendBy && this.#areOthersDue(now)) {
      this.#timer = nodeRuntime.setTimeout(() => this.#send(), this.#sendBy - now);
      return;
    }
    this.#isSending = true;
    // After this turn, in which others may ask.
    process.nextTick(() => this.#send());
  }

  /** Those that should have asked long ago are not waited for. */
  #areOthersDue(now: number): boolean {
    for (const [{ leaseMs }, dueAt] of this.#dueAt)
      if (dueAt <= this.#sendBy && dueAt > now - WAITS_PART * leaseMs) return true;
    return false;
  }

  #send(): void {
    const asked = this.#asked;
    this.#asked = [];
    this.#sendBy = Infinity;
    this.#isSending = false;
    const bounds = { most: MOST_AT_ONCE, mostBytes: Infinity, sizeOf: () => 0 };
    for (const part of divided(asked, bounds)) void this.#renew(part);
  }

  /** Never rejects. */
  async #renew(asked: readonly Asked[]): Promise<void> {
    try {
      const replies = await this.#call(asked);
      for (const [index, { resolve, reject }] of asked.entries()) {
        const reply = replies[index];
        if (reply === undefined || reply instanceof Error) reject(this.#failure(reply));
        else resolve(reply);
      }
    } catch (error) {
      // One of them may be the reason.
      if (error instanceof RedisRefusedError && asked.length > 1)
        for (const one of asked) void this.#renew([one]);
      else for (const { reject } of asked) reject(error);
    }
  }

  async #call(asked: readonly Asked[]): Promise<(RenewReply | 'leaseLost' | Error)[]> {
    await this.commands.ready();
    const [first, ...others] = asked;
    if (first === undefined) return [];
    const further = { keys: others.flatMap(({ lease }) => keysInOrder(lease.keys)) };
    const rows = others.map(({ argumentsNow }) => argumentsNow());
    return renew.run(this.commands, first.lease.keys, first.argumentsNow(), rows, further);
  }

  #failure(error: Error | undefined): Error {
    if (wasRefusedMidway(error)) this.commands.scripts.clear();
    return failureOf(error, renew.action);
  }
}
