import type { RecoveryTerms } from '../../core/broker/broker.js';
import { historyField } from '../../core/events/event-index.js';
import { RecoveringListener } from '../../core/events/recovering-listener.js';
import type { HistorySource } from '../../core/events/recovering-listener.js';
import { InvalidOptionError } from '../../core/errors/start-errors.js';
import { nodeRuntime } from '../../core/process/node-runtime.js';
import type { Connection } from '../connection/connection.js';
import type { Keys } from '../keys/keys.js';
import { readHistory, readTold } from './read-history.script.js';

export interface RecoveredContext {
  readonly connection: Connection;
  readonly keys: Keys;
  readonly nowMs: () => number;
  readonly onError: (error: unknown) => void;
}

/** The live listeners of one process that recover what they missed. */
export class RecoveredEvents {
  readonly #stopped = new AbortController();
  /** By pattern. */
  readonly #listeners = new Map<string, RecoveringListener>();

  constructor(
    private readonly context: RecoveredContext,
    recovery: RecoveryTerms,
    onEvent: (pattern: string, element: Buffer) => void,
  ) {
    for (const [pattern, withinMs] of recovery.withinMs) {
      const events = {
        deliver: (element: Buffer) => onEvent(pattern, element),
        missed: (count: number) => recovery.onMissed(pattern, count),
        failed: context.onError,
      };
      const source = this.#sourceOf(pattern);
      const { signal } = this.#stopped;
      const about = [source, withinMs, events, signal, nodeRuntime] as const;
      this.#listeners.set(pattern, new RecoveringListener(...about));
    }
  }

  /** By channel. */
  get listeners(): ReadonlyMap<string, (message: Buffer) => void> {
    return new Map(
      [...this.#listeners].map(([pattern, listener]) => [
        this.context.keys.told(pattern),
        (message) => {
          const told = readTold(message);
          if (told !== undefined) listener.hear(told);
        },
      ]),
    );
  }

  /** @throws InvalidOptionError if a pattern has no history */
  async assertKept(): Promise<void> {
    const { connection, keys } = this.context;
    for (const pattern of this.#listeners.keys()) {
      const field = historyField(pattern);
      const bounds = await connection.run('read the groups', (client) =>
        client.hget(keys.groups, field),
      );
      if (bounds !== null) continue;
      throw new InvalidOptionError(
        'recover',
        `recover needs a history of the pattern "${pattern}", and there is none: give the handler a history, or declare one`,
      );
    }
  }

  async start(): Promise<void> {
    for (const listener of this.#listeners.values()) await listener.start();
  }

  /** The connection was lost and is restored. */
  catchUp(): void {
    for (const listener of this.#listeners.values()) listener.catchUp();
  }

  stop(): void {
    this.#stopped.abort();
  }

  #sourceOf(pattern: string): HistorySource {
    const { connection, keys, nowMs } = this.context;
    return {
      nowMs,
      read: async (from = '') => {
        await connection.ready();
        return readHistory.run(connection, keys.history(pattern), { from });
      },
    };
  }
}
