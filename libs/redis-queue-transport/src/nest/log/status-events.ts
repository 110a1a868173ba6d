import type { LoggerService } from '@nestjs/common';
import type { Subject } from 'rxjs';
import { InvalidOptionError } from '../../core/errors/start-errors.js';
import { messageOf } from '../../core/errors/message-of.js';
import { nearest } from '../../core/options/nearest.js';
import type { DeadReason } from '../../core/delivery/outcome.js';
import { ListenerFailures } from '../../core/lifecycle/listener-failures.js';
import type { RedisQueueObserver } from '../../core/lifecycle/observer.js';

/** The state of the command connection. */
export type RedisQueueStatus = 'connected' | 'reconnecting' | 'disconnected';

/** The events of `on()`. */
// A type and not an interface, since Nest requires an index signature.
export type RedisQueueEvents = {
  connected: () => void;
  reconnecting: () => void;
  disconnected: () => void;
  /**
   * The connection for live events was lost and restored, this many times so far: events sent meanwhile were missed.
   * This happens in outages, and to a subscriber that is too slow for Redis's output buffer limit.
   */
  eventsInterrupted: (times: number) => void;
  /** Live events of a pattern with `recover` were missed for good: too old, or no longer kept. */
  gap: (gap: { readonly pattern: string; readonly missed: number }) => void;
  /** Live events of a pattern were dropped, because `maxWaitingEvents` of them already waited for a handler. */
  eventsDropped: (drop: { readonly pattern: string; readonly dropped: number }) => void;
  /**
   * Nearly every attempt on a queue fails, the last one with this error. This server makes only a few attempts until
   * they succeed again. Messages stay in the queue meanwhile.
   */
  queueSlowed: (slowed: { readonly queue: string; readonly error: unknown }) => void;
  /** Attempts on a queue that was slowed down succeed again. */
  queueRecovered: (recovered: { readonly queue: string; readonly slowedMs: number }) => void;
  /**
   * Dead letters of a queue were dropped by `deadLetterMaxAgeMs` or `deadLetterLimit` and are lost. One of the queue's
   * consumers reports it within a third of `leaseMs`, then once a minute while it continues.
   */
  deadLettersDropped: (drop: { readonly queue: string; readonly dropped: number }) => void;
  /** A message was dead-lettered. `id` is undefined for plain data that another program pushed. */
  deadLettered: (letter: {
    readonly queue: string;
    readonly id: string | undefined;
    readonly attempt: number;
    readonly reason: DeadReason;
    readonly error: { readonly name: string; readonly message: string };
  }) => void;
  /** An attempt failed, and the message is tried again after `delayMs`. */
  retried: (retry: {
    readonly queue: string;
    readonly id: string | undefined;
    readonly attempt: number;
    readonly delayMs: number;
    readonly error: unknown;
  }) => void;
  /** Trouble with Redis in the background, where no call could reject. */
  error: (error: unknown) => void;
};

/** Passes the connection's state on to Nest's `status` and to the listeners of `on()`. */
export class StatusEvents {
  readonly #listeners: { [Event in keyof RedisQueueEvents]: RedisQueueEvents[Event][] } = {
    connected: [],
    reconnecting: [],
    disconnected: [],
    eventsInterrupted: [],
    gap: [],
    eventsDropped: [],
    deadLettered: [],
    retried: [],
    queueSlowed: [],
    queueRecovered: [],
    deadLettersDropped: [],
    error: [],
  };

  constructor(
    private readonly status$: Subject<string>,
    private readonly logger: LoggerService,
  ) {}

  /** @throws InvalidOptionError for an unknown event */
  on<Event extends keyof RedisQueueEvents>(event: Event, listener: RedisQueueEvents[Event]): void {
    if (!Object.hasOwn(this.#listeners, event)) throw this.#unknown(event);
    this.#listeners[event].push(listener);
  }

  #unknown(event: string): InvalidOptionError {
    const known = Object.keys(this.#listeners);
    const meant = nearest(String(event), known);
    const hint = meant === undefined ? '' : ` Did you mean "${meant}"?`;
    return new InvalidOptionError(
      'event',
      `on() has no event ${JSON.stringify(String(event))}; its events are ${known.join(', ')}.${hint}`,
    );
  }

  status(status: RedisQueueStatus): void {
    this.status$.next(status);
    this.#tell(status, (listener) => listener());
  }

  /** Passes what happens to messages and live events on to the listeners of `on()`. */
  get observer(): RedisQueueObserver {
    return {
      eventsInterrupted: ({ times }) => this.#tell('eventsInterrupted', (hear) => hear(times)),
      gap: (gap) => this.#tell('gap', (hear) => hear(gap)),
      eventsDropped: (drop) => this.#tell('eventsDropped', (hear) => hear(drop)),
      deadLettersDropped: (drop) => this.#tell('deadLettersDropped', (hear) => hear(drop)),
      queueSlowed: (slowed) => this.#tell('queueSlowed', (hear) => hear(slowed)),
      queueRecovered: (recovered) => this.#tell('queueRecovered', (hear) => hear(recovered)),
      deadLettered: ({ queue, id, attempt }, { reason, error }) => {
        this.#tell('deadLettered', (hear) => hear({ queue, id, attempt, reason, error }));
      },
      retried: ({ queue, id, attempt }, { delayMs, error }) => {
        this.#tell('retried', (hear) => hear({ queue, id, attempt, delayMs, error }));
      },
      // Failures of a queue's consumer only go to the log, which names the queue.
      callFailed: ({ queue, error }) => {
        if (queue === undefined) this.#tell('error', (hear) => hear(error));
      },
    };
  }

  /** A failing listener must not affect its callers: connections, and loops that would start again. */
  #tell<Event extends keyof RedisQueueEvents>(
    event: Event,
    tell: (listener: RedisQueueEvents[Event]) => void,
  ): void {
    const failures = new ListenerFailures((error) => {
      this.logger.error(`A listener for "${event}" failed: ${messageOf(error)}`);
    });
    for (const listener of this.#listeners[event]) {
      try {
        failures.watch(tell(listener));
      } catch (error) {
        failures.add(error);
      }
    }
  }
}
