import type { MessageReader } from '../../core/admin/message-reader.js';
import type { Traffic } from '../place/traffic.js';
import type { Handling } from './handling.js';
import type { Became, Journal, Sending } from './journal.js';
import { Records } from './records.js';
import type {
  Attempt,
  DeadLetteredMessage,
  FailedMessage,
  HandledMessage,
  RetriedMessage,
  SentMessage,
} from './recorded.js';

/** The journal by pattern, for a test to look at. Types are the test's word: data has crossed a wire. */
export class Views {
  constructor(
    private readonly journal: Journal,
    private readonly traffic: Traffic,
    private readonly reader: MessageReader,
  ) {}

  sent<T>(pattern: string): Records<SentMessage<T>> {
    return this.#sendings(`messages of "${pattern}" that were sent`, pattern, false);
  }

  emitted<T>(pattern: string): Records<SentMessage<T>> {
    return this.#sendings(`events of "${pattern}" that were emitted`, pattern, true);
  }

  handled<T, R>(pattern: string): Records<HandledMessage<T, R>> {
    const handled = this.#handlings(pattern).filter(({ hasSucceeded }) => hasSucceeded);
    return this.#records(`handled messages of "${pattern}"`, handled, (handling) => ({
      ...this.#attempt<T>(handling),
      result: handling.results.at(-1) as R,
      results: handling.results as R[],
      durationMs: handling.end?.durationMs ?? 0,
    }));
  }

  failed<T>(pattern: string): Records<FailedMessage<T>> {
    const failed = this.#handlings(pattern).filter(({ hasFailed }) => hasFailed);
    return this.#records(`failed attempts at messages of "${pattern}"`, failed, (handling) => ({
      ...this.#attempt<T>(handling),
      error: handling.end?.error,
      durationMs: handling.end?.durationMs ?? 0,
    }));
  }

  retried<T>(pattern: string): Records<RetriedMessage<T>> {
    const what = `retries of messages of "${pattern}"`;
    return this.#records(what, ofPattern(this.journal.retries, pattern), ({ handling, told }) => ({
      ...this.#attempt<T>(handling),
      ...told,
    }));
  }

  deadLettered<T>(pattern: string): Records<DeadLetteredMessage<T>> {
    const what = `dead-lettered messages of "${pattern}"`;
    const letters = ofPattern(this.journal.deadLetters, pattern);
    return this.#records(what, letters, ({ handling, told }) => ({
      ...this.#attempt<T>(handling),
      ...told,
    }));
  }

  #sendings<T>(what: string, pattern: string, isEvent: boolean): Records<SentMessage<T>> {
    const sent = this.journal.sendings.filter(
      ({ message }) => message.queue === pattern && (message.verb === 'emit') === isEvent,
    );
    return this.#records(what, sent, (sending) => this.#sent<T>(sending));
  }

  #sent<T>({ app, message, error }: Sending): SentMessage<T> {
    const { verb, queue: pattern, id } = message;
    const { data, headers = {} } = this.#read(id);
    return { verb, pattern, id, data: data as T, headers, app, error };
  }

  #handlings(pattern: string): readonly Handling[] {
    return this.journal.handlings.filter((handling) => handling.pattern === pattern);
  }

  #attempt<T>({ app, pattern, delivery, data }: Handling): Attempt<T> {
    const { queue, id, attempt, headers } = delivery;
    const known = data ?? (id === undefined ? undefined : this.#read(id).data);
    return { pattern, queue, id, data: known as T, headers, attempt, app };
  }

  /** What was sent with this id, as it stands in the message. */
  #read(id: string): { readonly data?: unknown; readonly headers?: Attempt['headers'] } {
    const element = this.traffic.elementOf(id);
    return element === undefined ? {} : this.reader.event(element);
  }

  #records<From, To extends { readonly data: unknown }>(
    what: string,
    from: readonly From[],
    read: (one: From) => To,
  ): Records<To> {
    return new Records(what, from.map(read), () => String(this.journal.story));
  }
}

function ofPattern<T>(all: readonly Became<T>[], pattern: string): readonly Became<T>[] {
  return all.filter(({ handling }) => handling.pattern === pattern);
}
