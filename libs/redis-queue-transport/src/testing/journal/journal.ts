import { AsyncLocalStorage } from 'node:async_hooks';
import { messageOf } from '../../core/errors/message-of.js';
import type {
  ObservedDelivery,
  ObservedMessage,
  RedisQueueObserver,
} from '../../core/lifecycle/observer.js';
import type { DeadLetteredMessage, RetriedMessage } from './recorded.js';
import { Handling } from './handling.js';
import { Story } from './story.js';

/** A call that was begun. */
export interface Sending {
  readonly app: string;
  readonly message: ObservedMessage;
  /** Whether it is still on its way, or waits for its reply. */
  isOpen: boolean;
  error: unknown;
}

type Told<T> = Pick<T, Exclude<keyof T, keyof ObservedDelivery | 'data' | 'app' | 'pattern'>>;

/** Something that became of an attempt. */
export interface Became<T> {
  readonly handling: Handling;
  readonly told: Told<T>;
}

/** Writes down what observers are told, of all apps of a kit. */
export class Journal {
  readonly sendings: Sending[] = [];
  readonly handlings: Handling[] = [];
  readonly retries: Became<RetriedMessage>[] = [];
  readonly deadLetters: Became<DeadLetteredMessage>[] = [];
  readonly story = new Story();
  /** Grows with everything that happens. */
  activity = 0;
  readonly #byMessage = new Map<ObservedMessage, Sending>();
  readonly #byDelivery = new Map<ObservedDelivery, Handling>();
  readonly #running = new AsyncLocalStorage<readonly ObservedDelivery[]>();

  /** For the options of everything that the app has. */
  observerOf(app: string): RedisQueueObserver {
    return {
      sending: (message) => this.#sending(app, message),
      sent: (message) => this.#sent(message),
      sendFailed: (message, { error }) => this.#over(message, error, 'could not be sent'),
      replied: (message, { error }) =>
        this.#over(message, error, error === undefined ? 'was replied to' : 'got an error'),
      abandoned: (message) => this.#over(message, undefined, 'was given up by its caller'),
      run: (deliveries, next) => this.#running.run(deliveries, next),
      began: (delivery) => this.#began(app, delivery),
      ended: (delivery, end) => {
        const handling = this.#handlingOf(app, delivery);
        handling.end = end;
        const failure = end.error === undefined ? '' : `: ${messageOf(end.error)}`;
        const what = handling.hasSucceeded ? 'succeeded' : `failed${failure}`;
        this.#note(app, delivery, handling.counts ? what : 'ended, and counts for nothing');
      },
      settled: () => this.#act(),
      skipped: (delivery, why) => this.#note(app, delivery, `was skipped: ${why}`),
      retried: (delivery, told) => {
        const what = `is retried in ${told.delayMs} ms`;
        this.#became(app, delivery, this.retries, told, what);
      },
      postponed: (delivery, { delayMs }) => {
        const told = { delayMs, error: undefined };
        this.#became(app, delivery, this.retries, told, `is postponed by ${delayMs} ms`);
      },
      deadLettered: (delivery, told) => {
        const what = `is dead-lettered (${told.reason}): ${told.error.message}`;
        this.#became(app, delivery, this.deadLetters, told, what);
      },
    };
  }

  /** The process of the app dies. Its consumers do not know yet, and tell what they would do. */
  crashed(app: string): void {
    for (const handling of this.running) if (handling.app === app) handling.isGone = true;
  }

  /** The attempts that the caller handles: one, or those of a batch. */
  get current(): readonly Handling[] {
    const deliveries = this.#running.getStore() ?? [];
    return deliveries.flatMap((delivery) => this.#byDelivery.get(delivery) ?? []);
  }

  get running(): readonly Handling[] {
    return this.handlings.filter(({ isRunning }) => isRunning);
  }

  get openSendings(): readonly Sending[] {
    return this.sendings.filter(({ isOpen }) => isOpen);
  }

  #sending(app: string, message: ObservedMessage): undefined {
    const sending = { app, message, isOpen: true, error: undefined };
    this.sendings.push(sending);
    this.#byMessage.set(message, sending);
    this.story.add(app, message.queue, message.id, `${verbOf(message)} by ${app}`);
    this.#act();
  }

  #sent(message: ObservedMessage): void {
    this.#act();
    const sending = this.#byMessage.get(message);
    // A request stays open until it is replied to.
    if (sending !== undefined && message.verb !== 'send') sending.isOpen = false;
  }

  #over(message: ObservedMessage, error: unknown, what: string): void {
    this.#act();
    const sending = this.#byMessage.get(message);
    if (sending === undefined) return;
    sending.isOpen = false;
    sending.error = error;
    const reason = error === undefined ? '' : `: ${messageOf(error)}`;
    this.story.add(sending.app, message.queue, message.id, `${what}${reason}`);
  }

  #began(app: string, delivery: ObservedDelivery): void {
    this.#handlingOf(app, delivery).beganAt = performance.now();
    this.#note(app, delivery, `attempt ${delivery.attempt} begins in ${app}`);
  }

  #became<T>(
    app: string,
    delivery: ObservedDelivery,
    all: Became<T>[],
    told: Told<T>,
    what: string,
  ): void {
    const handling = this.#handlingOf(app, delivery);
    if (handling.isGone) return;
    all.push({ handling, told });
    this.#note(app, delivery, what);
  }

  #handlingOf(app: string, delivery: ObservedDelivery): Handling {
    const known = this.#byDelivery.get(delivery);
    if (known !== undefined) return known;
    const handling = new Handling(app, delivery);
    this.#byDelivery.set(delivery, handling);
    this.handlings.push(handling);
    return handling;
  }

  #note(app: string, { pattern, queue, id }: ObservedDelivery, what: string): void {
    this.#act();
    this.story.add(app, pattern ?? queue, id, what);
  }

  #act(): void {
    this.activity += 1;
  }
}

const DONE = { enqueue: 'enqueued', emit: 'emitted', send: 'asked', redrive: 'redriven' } as const;

function verbOf({ verb }: ObservedMessage): string {
  return DONE[verb];
}
