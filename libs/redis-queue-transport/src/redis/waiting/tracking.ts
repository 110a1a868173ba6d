import { RedisRefusedError } from '../../core/errors/call-errors.js';
import { messageOf } from '../../core/errors/message-of.js';
import type { ConnectionHealth } from '../../core/broker/health.js';
import { nodeRuntime } from '../../core/process/node-runtime.js';
import { retryUntilStopped } from '../../core/process/until-stopped.js';
import type { Connection } from '../connection/connection.js';

/** Redis's own channel for the names of changed keys. */
const INVALIDATED = '__redis__:invalidate';

/** Most keys of one command, unless they may be in different slots. If any of them exists, the consumers of all look. */
const MOST_KEYS = 50;

/** The user has no permission, or the server does not know it: trying again does not help. */
const HOPELESS = /\bNOPERM\b|unknown (?:sub)?command/i;

/** A consumer that has to be told of changes of a list. */
export interface Sleeper {
  readonly list: string;
  /** The list has changed. */
  look(): void;
  /** It may not have been told of a change, and must make sure that it is told of the next. */
  again(): void;
}

export interface TrackingSurroundings {
  /** On which the lists are read. */
  readonly commands: Connection;
  /** Listens to a channel, on the connection for events. */
  readonly listen: (listeners: ReadonlyMap<string, (payload: Buffer) => void>) => Promise<void>;
  /** Redis's id of the connection for events. Waits for it. */
  readonly listenerId: () => Promise<number | undefined>;
  readonly onError: (error: unknown) => void;
  /** Redis refuses to tell of changes, for good. */
  readonly onRefused: (error: Error) => void;
  /** How many lists one command may name. Default 50. */
  readonly mostKeys?: number;
}

/** Has Redis tell consumers of changes. */
export interface ToldSleepers {
  /**
   * Call it before anybody sleeps for this list; any number of times. False if Redis refuses.
   * @throws RedisUnavailableError | OutcomeUnknownError | RedisRefusedError
   */
  start(list: string): Promise<boolean>;
  add(sleeper: Sleeper): void;
  remove(sleeper: Sleeper): void;
  /** Tells a sleeper that was added of the next change of its list, or now if the list is not empty. */
  watch(sleeper: Sleeper): void;
  /** News may have been missed. */
  lost(): void;
  stop(): void;
  /** While consumers may not be told of messages. */
  readonly health: ConnectionHealth | undefined;
}

/**
 * Has Redis tell consumers of the next change of a list that is empty now, even one made by another program (CLIENT
 * TRACKING). Redis remembers lists that are read on the connection for commands, and sends the news on the connection for
 * events. It remembers only those after CLIENT CACHING (OPTIN), not everything that scripts read.
 */
export class Tracking implements ToldSleepers {
  readonly #sleepers = new Set<Sleeper>();
  /** By list: whose next change is told. */
  readonly #watched = new Map<string, Set<Sleeper>>();
  #toWatch = new Set<Sleeper>();
  #isWatchDue = false;
  #starting: Promise<boolean> | undefined;
  #isRefused = false;
  /** Counts connections that were made anew. */
  #losses = 0;
  #isTurningOn = false;
  readonly #stopped = new AbortController();
  #failure: string | undefined;
  #failingSince: number | undefined;

  constructor(private readonly at: TrackingSurroundings) {}

  start(): Promise<boolean> {
    this.#starting ??= this.#start().catch((error: unknown) => {
      this.#starting = undefined;
      throw error;
    });
    return this.#starting;
  }

  async #start(): Promise<boolean> {
    const { commands } = this.at;
    try {
      await this.at.listen(new Map([[INVALIDATED, (payload) => this.#hear(payload)]]));
      await this.#ask();
    } catch (error) {
      if (!isHopeless(error)) throw error;
      this.#refused(error);
      return false;
    }
    commands.client.on('ready', () => this.lost());
    return true;
  }

  stop(): void {
    this.#stopped.abort();
  }

  add(sleeper: Sleeper): void {
    this.#sleepers.add(sleeper);
  }

  remove(sleeper: Sleeper): void {
    this.#sleepers.delete(sleeper);
    this.#toWatch.delete(sleeper);
    const watching = this.#watched.get(sleeper.list);
    watching?.delete(sleeper);
    if (watching?.size === 0) this.#watched.delete(sleeper.list);
  }

  watch(sleeper: Sleeper): void {
    this.#toWatch.add(sleeper);
    if (this.#isWatchDue) return;
    this.#isWatchDue = true;
    process.nextTick(() => this.#watchAll());
  }

  #watchAll(): void {
    this.#isWatchDue = false;
    const sleepers = [...this.#toWatch];
    this.#toWatch = new Set();
    const { mostKeys = MOST_KEYS } = this.at;
    for (let at = 0; at < sleepers.length; at += mostKeys)
      void this.#watchSome(sleepers.slice(at, at + mostKeys));
  }

  /** Never rejects: if a connection is lost, all sleepers are told once it is restored. */
  async #watchSome(sleepers: readonly Sleeper[]): Promise<void> {
    for (const sleeper of sleepers) {
      const watching = this.#watched.get(sleeper.list);
      if (watching === undefined) this.#watched.set(sleeper.list, new Set([sleeper]));
      else watching.add(sleeper);
    }
    const lists = [...new Set(sleepers.map(({ list }) => list))];
    try {
      const filled = await this.at.commands.run('be told of messages', async (client) => {
        // Nothing else may be sent in between.
        const asked = [client.call('CLIENT', 'CACHING', 'YES'), client.exists(...lists)] as const;
        const [, exist] = await Promise.all(asked);
        return exist;
      });
      if (filled > 0) this.#tell(lists);
    } catch (error) {
      if (isHopeless(error)) this.#refused(error);
      else if (error instanceof RedisRefusedError) this.lost();
    }
  }

  #hear(payload: unknown): void {
    // Redis has removed all keys.
    if (!Array.isArray(payload)) return this.#tellAll();
    this.#tell(payload.map(String));
  }

  #tell(lists: readonly string[]): void {
    for (const list of lists) {
      const watching = this.#watched.get(list);
      this.#watched.delete(list);
      for (const sleeper of watching ?? []) sleeper.look();
    }
  }

  #tellAll(): void {
    this.#watched.clear();
    for (const sleeper of [...this.#sleepers]) sleeper.again();
  }

  /** A connection was made anew: Redis has forgotten what is to be told, or whom. */
  lost(): void {
    if (this.#starting === undefined || this.#isRefused) return;
    this.#losses += 1;
    this.#failingSince ??= performance.now();
    if (!this.#isTurningOn) void this.#turnOn();
  }

  /** Never rejects. */
  async #turnOn(): Promise<void> {
    const { signal } = this.#stopped;
    this.#isTurningOn = true;
    let known: number;
    do {
      known = this.#losses;
      await retryUntilStopped(
        () => this.#askAgain(),
        signal,
        (error) => this.#failed(error),
        nodeRuntime,
      );
    } while (known !== this.#losses && !signal.aborted);
    this.#isTurningOn = false;
    if (signal.aborted) return;
    this.#failure = undefined;
    this.#failingSince = undefined;
    this.#tellAll();
  }

  async #askAgain(): Promise<void> {
    try {
      await this.#ask();
    } catch (error) {
      if (!isHopeless(error)) throw error;
      this.#refused(error);
    }
  }

  async #ask(): Promise<void> {
    const { commands, listenerId } = this.at;
    const id = await listenerId();
    if (id === undefined)
      throw new RedisRefusedError('NOPERM', 'NOPERM Redis does not tell its id of a connection');
    await commands.ready();
    await commands.run('be told of messages', (client) =>
      client.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'OPTIN'),
    );
  }

  #failed(error: unknown): void {
    this.#failure = messageOf(error);
    // Lost connections are reported by themselves.
    if (error instanceof RedisRefusedError) this.at.onError(error);
  }

  #refused(error: Error): void {
    if (this.#isRefused) return;
    this.#isRefused = true;
    this.at.onRefused(error);
    this.#tellAll();
  }

  get health(): ConnectionHealth | undefined {
    const since = this.#failingSince;
    if (since === undefined || this.#isRefused) return undefined;
    const why = this.#failure === undefined ? '' : `: ${this.#failure}`;
    return {
      failure: `Redis does not tell consumers of messages yet${why}`,
      failingForMs: performance.now() - since,
      sinceRoundTripMs: undefined,
    };
  }
}

function isHopeless(error: unknown): error is RedisRefusedError {
  return error instanceof RedisRefusedError && HOPELESS.test(error.message);
}
