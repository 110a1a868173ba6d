import { cpuUs, nowMs, pause } from './clock.js';
import type { Contestant, Producer, Target, Verb } from './contestant.js';
import { MessageFactory, type BenchMessage } from './message.js';
import { percentilesOf, type Percentiles } from './statistics.js';

export interface ProducerOrder {
  readonly target: Target;
  readonly verb: Verb;
  readonly bytes: number;
}

export interface SendOrder {
  readonly run: number;
  readonly count: number;
  /** How many may be unconfirmed, or unanswered, at any time. */
  readonly window: number;
}

export interface PaceOrder {
  readonly run: number;
  readonly count: number;
  readonly perSecond: number;
}

export interface DelayOrder {
  readonly run: number;
  readonly count: number;
  /** The delays are spread evenly from the least to the most. */
  readonly leastDelayMs: number;
  readonly mostDelayMs: number;
}

export interface SendResult {
  /** By `nowMs`: before the first message was sent, and when the last was confirmed or answered. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly cpuUs: number;
  readonly failed: number;
  /** The first error, for people. */
  readonly error: string | undefined;
  /** Requests only: replies that do not belong to their requests. */
  readonly damaged: number;
  /** Requests only: from sending to the reply, in µs. */
  readonly latencyUs: Percentiles | undefined;
}

const DELAYED_WINDOW = 100;
const TICK_MS = 5;
/** If nothing is confirmed or answered for this long, the rest counts as failed: some contestants wait forever. */
const PATIENCE_MS = 15_000;

/** The producer's side of a sample, in a process of its own. */
export class ProducerPart {
  #messages = new MessageFactory(0);
  #producer: Producer | undefined;
  #isRequest = false;

  constructor(private readonly contestant: Contestant) {}

  async open({ target, verb, bytes }: ProducerOrder): Promise<void> {
    this.#messages = new MessageFactory(bytes);
    this.#isRequest = verb === 'request';
    this.#producer = await this.contestant.openProducer(target, verb);
  }

  /** Sends as fast as the window lets it. Resolves when the last message is confirmed or answered. */
  send({ run, count, window }: SendOrder): Promise<SendResult> {
    const sending = this.#sending(count, (n) => this.#messages.make(run, n));
    sending.keepOpen(window);
    return sending.ended;
  }

  /** Sends at a steady rate. */
  async pace({ run, count, perSecond }: PaceOrder): Promise<SendResult> {
    const sending = this.#sending(count, (n) => this.#messages.make(run, n));
    const startedAt = nowMs();
    while (!sending.isAllSent) {
      const due = Math.ceil(((nowMs() - startedAt) * perSecond) / 1000);
      sending.sendUpTo(due);
      await pause(TICK_MS);
    }
    return sending.ended;
  }

  /** Sends messages that are due later, as fast as the window lets it. */
  delay({ run, count, leastDelayMs, mostDelayMs }: DelayOrder): Promise<SendResult> {
    const stepMs = (mostDelayMs - leastDelayMs) / count;
    const sending = this.#sending(count, (n) =>
      this.#messages.make(run, n, nowMs() + leastDelayMs + Math.round(n * stepMs)),
    );
    sending.keepOpen(DELAYED_WINDOW);
    return sending.ended;
  }

  async close(): Promise<void> {
    await this.#producer?.close();
    this.#producer = undefined;
  }

  #sending(count: number, make: (n: number) => BenchMessage): Sending {
    if (this.#producer === undefined) throw new Error('the producer is not open');
    return new Sending(this.#producer, count, make, this.#isRequest);
  }
}

/** Messages 0 to `count` on their way. */
class Sending {
  readonly ended: Promise<SendResult>;
  #resolve: (result: SendResult) => void = () => undefined;
  #next = 0;
  #done = 0;
  #window = 0;
  #isFilling = false;
  #sentInTurn = 0;
  #failed = 0;
  #damaged = 0;
  #error: string | undefined;
  readonly #latencyUs: number[] = [];
  readonly #startedAt = nowMs();
  readonly #startCpuUs = cpuUs();
  readonly #watch: NodeJS.Timeout;

  constructor(
    private readonly producer: Producer,
    private readonly count: number,
    private readonly make: (n: number) => BenchMessage,
    private readonly isRequest: boolean,
  ) {
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    let seen = 0;
    this.#watch = setInterval(() => {
      if (this.#done === seen && this.#next > 0) this.#giveUp();
      seen = this.#done;
    }, PATIENCE_MS);
  }

  get isAllSent(): boolean {
    return this.#next >= this.count;
  }

  keepOpen(window: number): void {
    this.#window = window;
    this.#fill();
  }

  sendUpTo(n: number): void {
    while (this.#next < Math.min(n, this.count)) this.#send(this.#next++);
  }

  #fill(): void {
    // A confirmation may arrive during sending.
    if (this.#isFilling) return;
    this.#isFilling = true;
    while (this.#mayFill()) {
      this.#sentInTurn += 1;
      this.#send(this.#next++);
    }
    this.#isFilling = false;
  }

  /**
   * Some contestants confirm before anything has left the process: without turns of the event loop, they would never
   * get to write to their socket.
   */
  #mayFill(): boolean {
    if (this.isAllSent || this.#next - this.#done >= this.#window) return false;
    if (this.isRequest) return true;
    if (this.#sentInTurn === 0) setImmediate(() => this.#nextTurn());
    return this.#sentInTurn < this.#window;
  }

  #nextTurn(): void {
    this.#sentInTurn = 0;
    this.#fill();
  }

  #send(n: number): void {
    const message = this.make(n);
    const sentAt = this.isRequest ? performance.now() : 0;
    this.producer.send(message, (error, reply) => {
      if (error !== undefined) this.#fail(error);
      else if (this.isRequest) this.#answered(message, sentAt, reply);
      this.#done += 1;
      if (this.#done === this.count) this.#end();
      else if (this.#window > 0) this.#fill();
    });
  }

  #fail(error: unknown): void {
    this.#failed += 1;
    this.#error ??= error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }

  #answered(message: BenchMessage, sentAt: number, reply: unknown): void {
    this.#latencyUs.push((performance.now() - sentAt) * 1000);
    const { run, n, pad } = (reply ?? {}) as Partial<BenchMessage>; // whatever came is compared
    if (run !== message.run || n !== message.n || pad !== message.pad) this.#damaged += 1;
  }

  #giveUp(): void {
    this.#failed += this.count - this.#done;
    this.#error ??= `nothing was confirmed or answered for ${PATIENCE_MS} ms`;
    this.#window = 0;
    this.#end();
  }

  #end(): void {
    clearInterval(this.#watch);
    this.#resolve({
      startedAt: this.#startedAt,
      endedAt: nowMs(),
      cpuUs: cpuUs() - this.#startCpuUs,
      failed: this.#failed,
      error: this.#error,
      damaged: this.#damaged,
      latencyUs: this.isRequest ? percentilesOf(this.#latencyUs) : undefined,
    });
  }
}
