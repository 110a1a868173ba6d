import { assertSubscribable, isMeantBy, isWildcard } from '../../core/events/event-patterns.js';
import { openConnections } from '../cluster/open.js';
import type { Connections } from '../connection/connections.js';
import type { ConnectionSource } from '../connection/source.js';
import { processName } from '../connection/process-name.js';
import { literally } from '../keys/glob.js';
import { Keys } from '../keys/keys.js';
import { EventChannel } from './event-channel.js';

export interface EventTailOptions {
  readonly connection: ConnectionSource;
  readonly prefix: string;
  readonly connectTimeoutMs: number;
}

export interface EventTailEvents {
  event(pattern: string, element: Buffer): void;
  /** The connection is restored: what was emitted meanwhile was missed. */
  interrupted(): void;
  error(error: Error): void;
}

const EVERYTHING = '';

/**
 * Listens to events without leaving a trace: it writes nothing, and emitters do what they would do without it. So it
 * does not ask emitters to publish to a wildcard; it listens to the channels of all concrete patterns and picks out
 * what matches.
 */
export class EventTail {
  readonly #connections: Connections;
  readonly #channel: EventChannel;
  /** What channels begin with. */
  readonly #start: string;
  readonly #keys: Keys;

  /** @throws InvalidPatternError */
  constructor(
    private readonly options: EventTailOptions,
    private readonly pattern: string,
    private readonly events: EventTailEvents,
  ) {
    assertSubscribable(pattern);
    const { connection, prefix, connectTimeoutMs: patienceMs } = options;
    const onError = (error: unknown): void =>
      events.error(error instanceof Error ? error : new Error(String(error)));
    this.#connections = openConnections(connection, processName(), onError, { patienceMs });
    const listener = this.#connections.openListener('tail', prefix);
    this.#keys = new Keys(prefix, listener.database);
    this.#start = this.#keys.event(EVERYTHING);
    this.#channel = new EventChannel(
      listener,
      onError,
      () => events.interrupted(),
      isWildcard(pattern) ? 'patterns' : 'channels',
    );
  }

  /** Resolves when Redis has confirmed it. @throws RedisUnavailableError | RedisRefusedError */
  async listen(): Promise<void> {
    const channel = isWildcard(this.pattern)
      ? `${literally(this.#start)}*`
      : this.#keys.event(this.pattern);
    const listener = (element: Buffer, from: string): void => {
      const name = from.slice(this.#start.length);
      // Channels of wildcards repeat events of concrete patterns.
      if (name !== this.pattern && isWildcard(name)) return;
      if (isMeantBy(this.pattern, name)) this.events.event(name, element);
    };
    await this.#channel.listen(new Map([[channel, listener]]), this.options.connectTimeoutMs);
  }

  async close(): Promise<void> {
    await this.#channel.stop();
    this.#connections.close();
  }
}
