import type { Redis } from 'ioredis';
import { RedisRefusedError, RedisUnavailableError, messageOf } from '../../core/errors/errors.js';
import type { RedisQueueError } from '../../core/errors/errors.js';
import type { ConnectionHealth } from '../../core/broker/health.js';
import { bare } from './bare-error.js';
import { homeContext } from '../../core/process/own-context.js';
import { safeSettings } from './connection-settings.js';
import { explained, stillWaitingFor } from './connect-trouble.js';
import type { ConnectionSource } from './connection-source.js';
import { failureOf, isReplyError, wasNeverWritten } from './failure.js';
import { SilenceWatch } from './silence-watch.js';

/**
 * What a connection knows of a script since it was opened: that permissions are being looked up, that the user has them
 * all, or that Redis knows the text without the look as well.
 */
export type ScriptStage = 'asking' | 'permitted' | 'known';

export type ConnectionStatus = 'connected' | 'reconnecting' | 'disconnected';

export interface ConnectionEvents {
  status?(status: ConnectionStatus): void;
  error?(error: Error): void;
  /** It was given up. */
  closed?(): void;
}

interface Waiting {
  readonly timeoutMs: number;
  resolve(): void;
  reject(error: RedisQueueError): void;
}

/** Bound of the first attempt to connect for those who wait for no further one: a little over ioredis's own. */
const FIRST_ATTEMPT_MS = 10_001;

/** What is tried again waits so long for the connection with each try. */
const TRIED_AGAIN_MS = 1_000;

/** While these last, waiting does not help: whoever waits for the connection is told at once. */
const HOPELESS = /^(WRONGPASS|NOAUTH|NOPERM)|self-signed|certificate|wrong version number|ERR_TLS/i;

/**
 * One connection to Redis, with the settings that make outcomes knowable: nothing is sent twice, nothing waits unseen
 * in a queue, and a connection on which nothing moves for longer than the deadline while a command is pending is
 * dropped for a new one.
 */
export class Connection {
  readonly client: Redis;
  /** Scripts that were sent through this connection since it was opened last. */
  readonly scripts = new Map<unknown, ScriptStage>();
  readonly #waiting = new Set<Waiting>();
  readonly #home = homeContext();
  /** An attempt to connect has ended, one way or the other. */
  #wasTried = false;
  /** The socket is open, and neither an answer of Redis nor an error has come. */
  #isIntroducing = false;
  #lastError: Error | undefined;
  #isClosed = false;
  #longestValue: Promise<number> | undefined;
  #serverId: Promise<number | undefined> = Promise.resolve(undefined);
  /** When Redis answered last, by `performance.now()`. */
  #answeredAt: number | undefined;
  #pending = 0;
  /** What Redis said to the last call of the connection's own purpose, where that was no. */
  #refusal: string | undefined;

  constructor(
    source: ConnectionSource,
    private readonly name: string,
    /** Longest silence in ms while a command is pending. */
    deadlineMs: number,
    private readonly events: ConnectionEvents = {},
  ) {
    this.client = source(safeSettings(name));
    new SilenceWatch(this.client, deadlineMs);
    this.client.on('connect', () => {
      this.#isIntroducing = true;
    });
    this.client.on('ready', () => {
      this.#wasTried = true;
      this.#isIntroducing = false;
      this.#lastError = undefined;
      this.#answeredAt = performance.now();
      this.scripts.clear();
      this.#longestValue = undefined;
      for (const waiting of this.#takeWaiting()) waiting.resolve();
      this.#learnServerId();
      events.status?.('connected');
    });
    this.client.on('close', () => this.#onClose());
    this.client.on('reconnecting', () => events.status?.('reconnecting'));
    this.client.on('end', () => this.#onEnd());
    this.client.on('error', (told: Error) => {
      const error = explained(bare(told), this.client);
      // What ioredis asks on a connection that was dropped for its database.
      if (this.#lastError && isOfSelect(this.#lastError) && wasNeverWritten(error)) return;
      this.#lastError = error;
      this.#isIntroducing = false;
      if (HOPELESS.test(error.message) || isOfSelect(error)) {
        for (const waiting of this.#takeWaiting()) waiting.reject(this.#failure(error));
      }
      // ioredis would go on in database 0, where nobody looks for what is sent.
      if (isOfSelect(error)) this.reconnect();
      events.error?.(error);
    });
  }

  /** Number of the database that the option `connection` names. */
  get database(): number {
    return this.client.options.db ?? 0;
  }

  get isReady(): boolean {
    // ioredis learns a moment later than the socket that the other side has ended it.
    return this.client.status === 'ready' && this.client.stream.writable;
  }

  /** What Redis calls this connection (CLIENT ID); undefined when it does not say. */
  get serverId(): Promise<number | undefined> {
    return this.#serverId;
  }

  /**
   * Resolves when commands can be sent. Without a time it waits for as long as what is tried again anyway. With 0 ms it
   * waits for no longer than the very first attempt to connect takes.
   * @throws RedisUnavailableError | RedisRefusedError
   */
  ready(timeoutMs = TRIED_AGAIN_MS): Promise<void> {
    if (this.isReady) return Promise.resolve();
    if (this.#isClosed) return Promise.reject(this.#unavailable('it was closed'));
    return this.#wait(timeoutMs === 0 && !this.#wasTried ? FIRST_ATTEMPT_MS : timeoutMs);
  }

  #wait(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => waiting.reject(this.#unavailable(this.#notReadyWithin(timeoutMs))),
        timeoutMs,
      );
      const end = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(waiting);
      };
      const waiting = {
        timeoutMs,
        resolve: () => (end(), resolve()),
        reject: (error: RedisQueueError) => (end(), reject(error)),
      };
      this.#waiting.add(waiting);
      // A failed attempt is told by the event 'error', and ioredis goes on trying.
      if (this.client.status === 'wait') this.#home.runInAsyncScope(this.#connect, this);
    });
  }

  #connect(): void {
    this.client.connect().catch(() => undefined);
  }

  #notReadyWithin(timeoutMs: number): string {
    const why = stillWaitingFor(this.client);
    return `${this.name} was not ready within ${timeoutMs} ms${why === undefined ? '' : `: ${why}`}`;
  }

  /** Sends one command now. @throws RedisUnavailableError | OutcomeUnknownError | RedisRefusedError */
  async run<T>(
    action: string,
    command: (client: Redis) => Promise<T>,
    messageId?: string,
  ): Promise<T> {
    if (!this.isReady) throw this.#unavailable(`it is ${this.#state}`);
    this.#pending += 1;
    try {
      const reply = await this.#home.runInAsyncScope(command, undefined, this.client);
      this.#answeredAt = performance.now();
      return reply;
    } catch (error) {
      const failure = failureOf(bare(error), action, messageId);
      if (failure instanceof RedisRefusedError) this.#answeredAt = performance.now();
      throw failure;
    } finally {
      this.#pending -= 1;
    }
  }

  /**
   * Runs what the connection is there for. While Redis refuses it the connection is of no use, and its health says so; but
   * for a full Redis, which refuses waits while scripts go on taking.
   */
  async runPurpose<T>(action: string, command: (client: Redis) => Promise<T>): Promise<T> {
    try {
      const reply = await this.run(action, command);
      this.#refusal = undefined;
      return reply;
    } catch (error) {
      if (error instanceof RedisRefusedError && error.reply !== 'OOM')
        this.#refusal = `${this.name}: ${error.message}`;
      throw error;
    }
  }

  /**
   * The longest value in bytes that Redis takes, asked once for each time that it was opened; Infinity where the user may
   * not ask. Redis closes a connection on which a longer one is sent.
   */
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

  /** A command has no answer yet. */
  get isBusy(): boolean {
    return this.#pending > 0;
  }

  /** Somebody waits for it to be ready. */
  get isAwaited(): boolean {
    return this.#waiting.size > 0;
  }

  /** By what was asked and answered, never by asking. An answer that is overdue has dropped the connection. */
  get health(): ConnectionHealth {
    const answeredAt = this.#answeredAt;
    return {
      failure: this.#whyDown,
      sinceRoundTripMs: answeredAt === undefined ? undefined : performance.now() - answeredAt,
    };
  }

  get #whyDown(): string | undefined {
    // Nobody has asked for it, or the first attempt is under way: others that are open say whether Redis is there.
    if (!this.#wasTried) return undefined;
    if (this.isReady) return this.#refusal;
    return this.#unavailable(`${this.name} is ${this.#state}`).message;
  }

  /** The state in ioredis's words, except where it has not noticed yet what the socket knows. */
  get #state(): string {
    if (this.#isClosed) return 'closed';
    return this.client.status === 'ready' ? 'closing' : this.client.status;
  }

  /** Drops the connection for a new one; what is in flight rejects. */
  reconnect(): void {
    if (!this.#isClosed) this.#home.runInAsyncScope(() => this.client.disconnect(true));
  }

  /** Gives the connection up; nothing reconnects. May be called twice. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Between two attempts there is no socket whose end ioredis would tell. It tells what was before in later turns.
    if (this.client.status === 'reconnecting') process.nextTick(() => this.#onEnd());
    this.client.disconnect();
    for (const waiting of this.#takeWaiting()) waiting.reject(this.#unavailable('it was closed'));
    this.events.closed?.();
  }

  #onEnd(): void {
    for (const waiting of this.#takeWaiting()) waiting.reject(this.#unavailable('it was closed'));
    this.events.status?.('disconnected');
  }

  /** An attempt is over: who would not have waited for it had it not been the first waits no longer. */
  #onClose(): void {
    // Redis has ended it without a word, of which ioredis makes no error.
    if (this.#isIntroducing && !this.#isClosed)
      this.client.emit('error', new Error('Connection is closed.'));
    if (this.#wasTried) return;
    this.#wasTried = true;
    for (const waiting of this.#takeWaiting()) {
      if (waiting.timeoutMs === FIRST_ATTEMPT_MS)
        waiting.reject(this.#unavailable('the first attempt failed'));
    }
  }

  #learnServerId(): void {
    this.#serverId = this.client.client('ID').catch((error: unknown) => {
      this.#lastError = error instanceof Error ? bare(error) : new Error(String(error));
      return undefined;
    });
  }

  #takeWaiting(): readonly Waiting[] {
    return [...this.#waiting];
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
      `No connection to Redis at ${this.#address()}: ${why}${cause}`,
      { cause: last },
    );
  }

  #address(): string {
    const { path, host, port, sentinels } = this.client.options;
    if (sentinels)
      return sentinels.map((sentinel) => `${sentinel.host}:${sentinel.port}`).join(',');
    return path ?? `${host}:${port}`;
  }
}

/** Redis has no such database, or its user may not select one. */
function isOfSelect(error: Error): boolean {
  if (!isReplyError(error)) return false;
  const command: unknown = Reflect.get(error, 'command');
  return (
    typeof command === 'object' && command !== null && Reflect.get(command, 'name') === 'select'
  );
}
