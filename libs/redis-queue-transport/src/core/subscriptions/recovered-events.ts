import type { RecoveryTerms } from '../broker/broker.js';
import { InvalidOptionError } from '../errors/start-errors.js';
import type { Runtime } from '../process/runtime.js';
import type { HistoryPage, Told } from './history-page.js';
import { RecoveringListener } from './recovering-listener.js';

/** The broker's access to histories. */
export interface KeptEvents {
  /** Whether there is a history of the pattern. */
  isKept(pattern: string): Promise<boolean>;
  /** Reads a part of a history from an id on (from behind it, if it begins with `(`); without an id, no events. */
  read(pattern: string, from: string | undefined): Promise<HistoryPage>;
  nowMs(): number;
}

/** What live listeners need beside the patterns. */
export interface LiveContext {
  readonly kept: KeptEvents;
  readonly runtime: Runtime;
  readonly onError: (error: unknown) => void;
}

/** The live listeners of one process that recover what they missed. */
export class RecoveredEvents {
  readonly #stopped = new AbortController();
  /** By pattern. */
  readonly #listeners = new Map<string, RecoveringListener>();

  constructor(
    private readonly context: LiveContext,
    recovery: RecoveryTerms,
    onEvent: (pattern: string, element: Buffer) => void,
  ) {
    const { kept, runtime, onError } = context;
    for (const [pattern, withinMs] of recovery.withinMs) {
      const events = {
        deliver: (element: Buffer) => onEvent(pattern, element),
        missed: (count: number) => recovery.onMissed(pattern, count),
        failed: onError,
      };
      const source = {
        nowMs: () => kept.nowMs(),
        read: (from: string | undefined) => kept.read(pattern, from),
      };
      const { signal } = this.#stopped;
      this.#listeners.set(
        pattern,
        new RecoveringListener(source, withinMs, events, signal, runtime),
      );
    }
  }

  /** By pattern. */
  get listeners(): ReadonlyMap<string, (told: Told) => void> {
    return new Map(
      [...this.#listeners].map(([pattern, listener]) => [pattern, (told) => listener.hear(told)]),
    );
  }

  /** @throws InvalidOptionError if a pattern has no history */
  async assertKept(): Promise<void> {
    for (const pattern of this.#listeners.keys()) {
      if (await this.context.kept.isKept(pattern)) continue;
      throw new InvalidOptionError(
        'recover',
        `recover needs a history of the pattern "${pattern}", but there is none: give the handler a history, or declare one`,
      );
    }
  }

  async start(): Promise<void> {
    for (const listener of this.#listeners.values()) await listener.start();
  }

  /** The connection is lost. */
  interrupt(): void {
    for (const listener of this.#listeners.values()) listener.interrupt();
  }

  /** The connection is restored. */
  resume(): void {
    for (const listener of this.#listeners.values()) listener.resume();
  }

  stop(): void {
    this.#stopped.abort();
  }
}
