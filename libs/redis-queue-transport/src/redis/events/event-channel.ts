import { pause } from '../../core/process/pause.js';
import { repeatUntilStopped } from '../../core/process/until-stopped.js';
import { nodeRuntime } from '../../core/process/node-runtime.js';
import type { Connection } from '../connection/connection.js';

const CHECK_EVERY_MS = 5_000;

type Listener = (element: Buffer, channel: string) => void;

/**
 * Listens to pub/sub channels on a connection of its own, and subscribes again after each reconnect. (ioredis could do so
 * by itself, but would stay deaf if the connection was lost again meanwhile.) A dead connection looks like a quiet one, so
 * it gets a PING now and then; without a reply its deadline drops it.
 */
export class EventChannel {
  readonly #listeners = new Map<string, Listener>();
  readonly #stopped = new AbortController();
  #checks: Promise<void> | undefined;

  constructor(
    private readonly connection: Connection,
    private readonly onError: (error: unknown) => void,
    /** The connection is restored: what was published meanwhile was missed. */
    private readonly onInterrupted: () => void,
    /** Whether names are those of channels, or patterns of Redis for them. */
    private readonly names: 'channels' | 'patterns' = 'channels',
    /** The connection is lost. */
    private readonly onCutOff: () => void = () => undefined,
  ) {}

  /** Resolves when Redis has confirmed the subscriptions. Replaces the listener of a channel that already has one. */
  async listen(channels: ReadonlyMap<string, Listener>, timeoutMs: number): Promise<void> {
    const added = [...channels.keys()].filter((channel) => !this.#listeners.has(channel));
    for (const [channel, listener] of channels) this.#listeners.set(channel, listener);
    if (added.length === 0) return;
    this.#start();
    try {
      await this.connection.ready(timeoutMs);
      await this.#subscribe(added);
    } catch (error) {
      // So that the next call tries again.
      for (const channel of added) this.#listeners.delete(channel);
      throw error;
    }
  }

  /** Redis's id of the connection. Waits for it. */
  async serverId(): Promise<number | undefined> {
    await this.connection.ready();
    return this.connection.serverId;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.connection.close();
    await this.#checks;
  }

  #start(): void {
    if (this.#checks !== undefined) return;
    const { client } = this.connection;
    client.on('messageBuffer', (from: Buffer, element: Buffer) => {
      const channel = from.toString();
      this.#listeners.get(channel)?.(element, channel);
    });
    client.on('pmessageBuffer', (pattern: string, from: Buffer, element: Buffer) => {
      this.#listeners.get(pattern)?.(element, from.toString());
    });
    let wasReady = this.connection.isReady;
    client.on('close', () => {
      if (wasReady) this.onCutOff();
    });
    client.on('ready', () => {
      if (wasReady) void this.#listenAgain();
      wasReady = true;
    });
    const { signal } = this.#stopped;
    this.#checks = repeatUntilStopped(
      () => this.#checkLater(signal),
      signal,
      this.onError,
      nodeRuntime,
    );
  }

  /** Never rejects: after a failure, the next connection tries again. */
  async #listenAgain(): Promise<void> {
    if (this.#listeners.size === 0) return;
    try {
      await this.#subscribe([...this.#listeners.keys()]);
      this.onInterrupted();
    } catch (error) {
      if (this.#stopped.signal.aborted) return;
      this.onError(error);
      this.connection.reconnect();
    }
  }

  #subscribe(channels: readonly string[]): Promise<unknown> {
    return this.connection.runPurpose('subscribe to events', (client) =>
      this.names === 'channels' ? client.subscribe(...channels) : client.psubscribe(...channels),
    );
  }

  async #checkLater(stopped: AbortSignal): Promise<void> {
    await pause(CHECK_EVERY_MS, stopped, nodeRuntime);
    if (stopped.aborted) return;
    await this.connection.ready();
    await this.connection.run('check the event connection', (client) => client.ping());
  }
}
