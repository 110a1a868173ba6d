import type { ConsumerResult } from './consumer-part.js';
import type { ConsumerSettings, Target, Verb } from './contestant.js';
import type { ContestantInfo } from './contestants.js';
import { sumOf, type Account } from './ledger.js';
import { ParticipantProcess } from './participant-process.js';
import type { SendResult } from './producer-part.js';
import type { BenchServer } from './servers/server.js';

/** A phase of a sample: the messages that were sent, and what happened to them. */
export interface Flow {
  readonly count: number;
  readonly sent: SendResult;
  readonly consumed: readonly ConsumerResult[];
}

/** Failures of the producer in one sample. */
export interface Failures {
  readonly failed: number;
  readonly error: string | undefined;
}

/** The processes of one contestant around one server. */
export class Stage {
  readonly producer: ParticipantProcess<'producer'>;
  readonly consumers: readonly ParticipantProcess<'consumer'>[];
  #runs = 0;
  #sent: SendResult[] = [];

  constructor(
    { module }: ContestantInfo,
    readonly server: BenchServer,
    private readonly name: string,
    private readonly bytes: number,
    consumers: number,
  ) {
    this.producer = new ParticipantProcess('producer', module);
    this.consumers = Array.from(
      { length: consumers },
      () => new ParticipantProcess('consumer', module),
    );
  }

  /** @throws NotOffered */
  async openConsumers(
    settings: Partial<ConsumerSettings> & { readonly verb: Verb },
    handlerMs = 0,
  ): Promise<void> {
    const defaults = { concurrency: undefined, prefetch: undefined, batch: undefined, patterns: 1 };
    await this.#eachConsumer((consumer) =>
      consumer.call('open', {
        target: this.#target(),
        settings: { ...defaults, ...settings },
        bytes: this.bytes,
        handlerMs,
      }),
    );
  }

  async closeConsumers(): Promise<void> {
    await this.#eachConsumer((consumer) => consumer.call('close', undefined));
  }

  async openProducer(verb: Verb): Promise<void> {
    await this.producer.call('open', { target: this.#target(), verb, bytes: this.bytes });
  }

  /** Tells the consumers to expect a run, and returns its number. */
  async announce(count: number, warmUp = 0): Promise<number> {
    const run = ++this.#runs;
    await this.#eachConsumer((consumer) => consumer.call('expect', { run, count, warmUp }));
    return run;
  }

  async send(run: number, count: number, window: number): Promise<SendResult> {
    return this.note(await this.producer.call('send', { run, count, window }));
  }

  /** Keeps what the producer reported, for the account. */
  note(sent: SendResult): SendResult {
    this.#sent.push(sent);
    return sent;
  }

  async results(run: number): Promise<ConsumerResult[]> {
    return this.#eachConsumer((consumer) => consumer.call('result', run));
  }

  /** Sends while the consumers listen, until everything has arrived. */
  async flow(count: number, window: number): Promise<Flow> {
    const run = await this.announce(count);
    const sent = await this.send(run, count, window);
    return { count, sent, consumed: await this.results(run) };
  }

  /** The account of everything that this sample has sent. */
  async account(): Promise<Account> {
    const account = sumOf(
      await this.#eachConsumer((consumer) => consumer.call('account', undefined)),
    );
    const damagedReplies = this.#sent.reduce((sum, { damaged }) => sum + damaged, 0);
    return { ...account, damaged: account.damaged + damagedReplies };
  }

  failures(): Failures {
    return {
      failed: this.#sent.reduce((sum, { failed }) => sum + failed, 0),
      error: this.#sent.find(({ error }) => error !== undefined)?.error,
    };
  }

  async close(): Promise<void> {
    await Promise.all([
      this.producer.close(),
      ...this.consumers.map((consumer) => consumer.close()),
    ]);
  }

  #target(): Target {
    return { url: this.server.url, queue: this.name };
  }

  async #eachConsumer<T>(
    call: (consumer: ParticipantProcess<'consumer'>) => Promise<T>,
  ): Promise<T[]> {
    return Promise.all(this.consumers.map(call));
  }
}
