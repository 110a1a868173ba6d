import type { Redis } from 'ioredis';
import { RedisRefusedError, RedisUnavailableError } from '../../core/errors/call-errors.js';
import { messageOf } from '../../core/errors/message-of.js';
import type { RedisQueueError } from '../../core/errors/redis-queue-error.js';
import type { BrokerStatus } from '../../core/source/broker-source.js';
import type { ConnectionHealth } from '../../core/broker/health.js';
import { bare } from './bare-error.js';
import { homeContext } from '../../core/process/own-context.js';
import { safeSettings } from './connection-settings.js';
import type { ConnectionPurpose } from './connection-settings.js';
import { addressOf, explained, isOfSelect, stillWaitingFor } from './connect-trouble.js';
import type { Connection, SentScripts } from './connection.js';
import type { ConnectionSource } from './source.js';
import {
  ELSEWHERE,
  failureOf,
  isDemotion,
  isReplyError,
  replyOf,
  wasNeverWritten,
} from './failure.js';
import { SilenceWatch } from './silence-watch.js';
import { WaitingCallers } from './waiting-callers.js';

export interface ConnectionEvents {
  status?(status: BrokerStatus): void;
  error?(error: Error): void;
  /** The Redis that it leads to replied as one that is the primary no more. */
  demoted?(): void;
  /** A node of a cluster replied that the slot of a key is at another node: "MOVED 1234 host:port". */
  moved?(reply: string): void;
  /** The connection was closed for good. */
  closed?(): void;
}

/**
 * How long a caller waits that waits only for the first attempt to connect: a little longer than ioredis's own limit.
 */
const FIRST_ATTEMPT_MS = 10_001;

/** How long it waits before it connects again after ioredis has given up, and if that repeats. */
const FIRST_REVIVAL_MS = 50;
const LONGEST_REVIVAL_MS = 1_000;

/** How long each try of a call that is tried again waits for the connection. */
const TRIED_AGAIN_MS = 1_000;

/** With these errors, waiting does not help: callers that wait for the connection get them at once. */
const HOPELESS =
  /^(WRONGPASS|NOAUTH|NOPERM)|self-signed|certificate|wrong version number|ERR_TLS|EMFILE|ENFILE/i;

/**
 * One connection to Redis, with settings that make outcomes knowable: nothing is sent twice, nothing waits in a hidden
 * queue, and if nothing moves for longer than the deadline while a command is pending, a new connection replaces it.
 */
export class RedisConnection implements Connection {
  readonly client: Redis;
  readonly scripts: SentScripts = new Map();
  readonly isCluster = false;
  readonly #waiting = new WaitingCallers();
  readonly #home = homeContext();
  /** An attempt to connect has ended, one way or the other. */
  #wasTried = false;
  /** The socket is open, but neither a reply of Redis nor an error has arrived yet. */
  #isIntroducing = false;
  #lastError: Error | undefined;
  #isClosed = false;
  #longestValue: Promise<number> | undefined;
  #serverId: Promise<number | undefined> = Promise.resolve(undefined);
  /** When Redis last replied, by `performance.now()`. */
  #answeredAt: number | undefined;
  #pending = 0;
  /** Redis's refusal of the last call for the connection's own purpose. */
  #refusal: string | undefined;
  /** When such a call was first refused. */
  #refusedAt: number | undefined;
  #revival: NodeJS.Timeout | undefined;
  #revivalMs = FIRST_REVIVAL_MS;
  /** Where Redis is that it was last connected to. */
  #remote: string | undefined;
  /** When it was lost, or failed to open for the first time. */
  #lostAt: number | undefined;

  constructor(
    source: ConnectionSource,
    private readonly name: string,
    /** Longest silence in ms while a command is pending. */
    deadlineMs: number,
    private readonly events: ConnectionEvents = {},
    purpose?: ConnectionPurpose,
  ) {
    this.client = source(safeSettings(name, purpose));
    new SilenceWatch(this.client, deadlineMs);
    this.client.on('connect', () => {
      this.#isIntroducing = true;
    });
    this.client.on('ready', () => {
      this.#wasTried = true;
      this.#isIntroducing = false;
      this.#lastError = undefined;
      this.#answeredAt = performance.now();
      this.#lostAt = undefined;
      this.#revivalMs = FIRST_REVIVAL_MS;
      this.#remote = remoteOf(this.client);
      this.scripts.clear();
      this.#longestValue = undefined;
      this.#waiting.resolveAll();
      this.#learnServerId();
      events.status?.('connected');
    });
    this.client.on('close', () => this.#onClose());
    this.client.on('reconnecting', () => events.status?.('reconnecting'));
    this.client.on('end', () => this.#onEnd());
    this.client.on('error', (told: Error) => {
      const error = explained(bare(told), this.client);
      // A command of ioredis itself failed since the connection had ended; why it ended is reported separately.
      if (wasNeverWritten(error)) return;
      this.#lastError = error;
      this.#isIntroducing = false;
      if (HOPELESS.test(error.message) || isOfSelect(error)) {
        this.#waiting.rejectAll(() => this.#failure(error));
      }
      // ioredis would continue in database 0, where nobody looks.
      if (isOfSelect(error)) this.reconnect();
      events.error?.(error);
    });
  }

  get database(): number {
    return this.client.options.db ?? 0;
  }

  get isReady(): boolean {
    // ioredis notices a moment later than the socket that the other side has closed it.
    return this.client.status === 'ready' && this.client.stream.writable;
  }

  get socket(): unknown {
    return this.client.stream;
  }

  at(): this {
    return this;
  }

  primaries(): Promise<readonly Connection[]> {
    return Promise.resolve([this]);
  }

  get serverId(): Promise<number | undefined> {
    return this.#serverId;
  }

  ready(timeoutMs = TRIED_AGAIN_MS): Promise<void> {
    if (this.isReady) return Promise.resolve();
    if (this.#isClosed) return Promise.reject(this.#unavailable('it was closed'));
    return this.#wait(timeoutMs === 0 && !this.#wasTried ? FIRST_ATTEMPT_MS : timeoutMs);
  }

  #wait(timeoutMs: number): Promise<void> {
    const ready = this.#waiting.add(timeoutMs, () =>
      this.#unavailable(this.#notReadyWithin(timeoutMs)),
    );
    // The event 'error' reports the failure, and ioredis keeps trying.
    if (this.client.status === 'wait') this.#home.runInAsyncScope(this.#connect, this);
    return ready;
  }

  #connect(): void {
    this.client.connect().catch(() => undefined);
  }

  #notReadyWithin(timeoutMs: number): string {
    const why = stillWaitingFor(this.client);
    return `${this.name} was not ready within ${timeoutMs} ms${why === undefined ? '' : `: ${why}`}`;
  }

  async run<T>(
    action: string,
    command: (client: Redis, scripts: SentScripts) => Promise<T>,
    messageId?: string,
  ): Promise<T> {
    if (!this.isReady) throw this.#unavailable(`it is ${this.#state}`);
    this.#pending += 1;
    try {
      const reply = await this.#home.runInAsyncScope(command, undefined, this.client, this.scripts);
      this.#answeredAt = performance.now();
      return reply;
    } catch (error) {
      const failure = failureOf(bare(error), action, messageId);
      if (isDemotion(error)) this.events.demoted?.();
      if (failure instanceof RedisRefusedError) {
        this.#answeredAt = performance.now();
        if (failure.reply === 'MOVED') this.events.moved?.(replyOf(failure));
      }
      throw failure;
    } finally {
      this.#pending -= 1;
    }
  }

  async runPurpose<T>(action: string, command: (client: Redis) => Promise<T>): Promise<T> {
    try {
      const reply = await this.run(action, command);
      this.#refuse(undefined);
      return reply;
    } catch (error) {
      const isRefused = error instanceof RedisRefusedError && error.reply !== 'OOM';
      // What is elsewhere in a cluster is looked for there.
      if (isRefused && !ELSEWHERE.has(error.reply)) this.#refuse(`${this.name}: ${error.message}`);
      throw error;
    }
  }

  #refuse(refusal: string | undefined): void {
    this.#refusal = refusal;
    this.#refusedAt = refusal === undefined ? undefined : (this.#refusedAt ?? performance.now());
  }

  longestValue(): Promise<number> {
    return (this.#longestValue ??= this.#askLongestValue());
  }

  async #askLongestValue(): Promise<number> {
    try {
      const [, bytes] = await this.run('read its settings', (client) =>
        client.config('GET', 'proto-max-bulk-len'),
      );
      return Number(bytes ?? Infinity);
    } catch {
      return Infinity;
    }
  }

  get isBusy(): boolean {
    return this.#pending > 0;
  }

  get isAwaited(): boolean {
    return this.#waiting.areThere;
  }

  /** An overdue reply has already dropped the connection. */
  get health(): ConnectionHealth {
    const answeredAt = this.#answeredAt;
    const failure = this.#whyDown;
    const now = performance.now();
    return {
      failure,
      failingForMs: failure === undefined ? undefined : now - (this.#failingSince ?? now),
      sinceRoundTripMs: answeredAt === undefined ? undefined : now - answeredAt,
    };
  }

  /** Also undefined between the end of its socket and the moment when that is noticed. */
  get #failingSince(): number | undefined {
    return this.#lostAt ?? this.#refusedAt;
  }

  get #whyDown(): string | undefined {
    // Unused, or connecting for the first time: other connections tell whether Redis is there.
    if (!this.#wasTried) return undefined;
    if (this.isReady) return this.#refusal;
    return this.#unavailable(`${this.name} is ${this.#state}`).message;
  }

  /** The state in ioredis's words, but ahead of ioredis if the socket knows more. */
  get #state(): string {
    if (this.#isClosed) return 'closed';
    return this.client.status === 'ready' ? 'closing' : this.client.status;
  }

  reconnect(): void {
    if (!this.#isClosed) this.#home.runInAsyncScope(() => this.client.disconnect(true));
  }

  /** Another Redis is the primary now: replaces the connection unless it leads there already. Unused ones stay so. */
  moveTo(primary: string): void {
    const isUnused = this.client.status === 'wait';
    const isThere = this.isReady && this.#remote === primary;
    if (!isUnused && !isThere) this.reconnect();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#revival);
    // Between two attempts ioredis has no socket, and so reports no end. Earlier events may still arrive in later turns.
    if (['reconnecting', 'end'].includes(this.client.status)) process.nextTick(() => this.#onEnd());
    this.client.disconnect();
    this.#waiting.rejectAll(() => this.#unavailable('it was closed'));
    this.events.closed?.();
  }

  #onEnd(): void {
    if (!this.#isClosed) return this.#revive();
    this.#waiting.rejectAll(() => this.#unavailable('it was closed'));
    this.events.status?.('disconnected');
  }

  /**
   * ioredis has given up: it was told to replace a connection for which it was still asking a Sentinel, or a user's
   * setting has ended its attempts.
   */
  #revive(): void {
    this.#endFirstAttempt();
    this.#revival = setTimeout(() => {
      this.#home.runInAsyncScope(this.#connect, this);
    }, this.#revivalMs);
    this.#revivalMs = Math.min(2 * this.#revivalMs, LONGEST_REVIVAL_MS);
    this.events.status?.('reconnecting');
  }

  /** An attempt is over: callers that only waited for the first one wait no longer. */
  #onClose(): void {
    this.#lostAt ??= performance.now();
    // Redis has closed the connection without a message, and ioredis reports no error.
    if (this.#isIntroducing && !this.#isClosed)
      this.client.emit('error', new Error('Connection is closed.'));
    this.#endFirstAttempt();
  }

  #endFirstAttempt(): void {
    this.#lostAt ??= performance.now();
    if (this.#wasTried) return;
    this.#wasTried = true;
    this.#waiting.rejectAll(() => this.#unavailable('the first attempt failed'), FIRST_ATTEMPT_MS);
  }

  #learnServerId(): void {
    this.#serverId = this.client.client('ID').catch((error: unknown) => {
      this.#lastError = error instanceof Error ? bare(error) : new Error(String(error));
      return undefined;
    });
  }

  #failure(error: Error): RedisQueueError {
    if (isOfSelect(error)) {
      const { db } = this.client.options;
      return failureOf(error, `select database ${db}, which the option connection names`);
    }
    if (isReplyError(error)) return failureOf(error, 'open a connection');
    return this.#unavailable(messageOf(error));
  }

  #unavailable(why: string): RedisUnavailableError {
    const last = this.#lastError;
    const cause =
      last === undefined || last.message === why ? '' : `; last error: ${messageOf(last)}`;
    return new RedisUnavailableError(
      `No connection to Redis at ${addressOf(this.client)}: ${why}${cause}`,
      { cause: last },
    );
  }
}

function remoteOf({ stream }: Redis): string | undefined {
  const { remoteAddress, remotePort } = stream;
  return remoteAddress === undefined ? undefined : `${remoteAddress}:${remotePort}`;
}
