import { cpuUs, nowMs, pause } from './clock.js';
import type { Consumer, ConsumerSettings, Contestant, Handler, Target } from './contestant.js';
import { Ledger, sumOf, type Account } from './ledger.js';
import { MessageFactory } from './message.js';
import { percentilesOf, type Percentiles } from './statistics.js';

export interface ConsumerOrder {
  readonly target: Target;
  readonly settings: ConsumerSettings;
  readonly bytes: number;
  /** How long a handler waits before it is done. */
  readonly handlerMs: number;
}

export interface RunOrder {
  readonly run: number;
  readonly count: number;
  /** Clock and CPU time count from this message on; those before it are for warming up. */
  readonly warmUp: number;
}

export interface ConsumerResult {
  readonly account: Account;
  /** How many messages arrived between `startedAt` and `endedAt` (by `nowMs`). */
  readonly measured: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly cpuUs: number;
  /** Delayed messages only: how late they were handled, in ms; negative is early. */
  readonly lateness: Percentiles | undefined;
}

/** After this long without any message, missing ones count as lost. */
const QUIET_MS = 5_000;
const POLL_MS = 10;
/** A message that comes twice usually does so soon. */
const AFTERWARDS_MS = 50;

/** The consumer's side of a sample, in a process of its own. */
export class ConsumerPart {
  readonly #runs = new Map<number, ConsumerRun>();
  #messages = new MessageFactory(0);
  #consumer: Consumer | undefined;
  #strangers = 0;

  constructor(private readonly contestant: Contestant) {}

  async open({ target, settings, bytes, handlerMs }: ConsumerOrder): Promise<void> {
    this.#messages = new MessageFactory(bytes);
    const isRequest = settings.verb === 'request';
    const handle: Handler = (data) => {
      this.#record(data);
      return isRequest ? data : undefined;
    };
    const handleLater: Handler = async (data) => {
      await pause(handlerMs);
      return handle(data);
    };
    const handler = handlerMs === 0 ? handle : handleLater;
    this.#consumer = await this.contestant.openConsumer(target, settings, handler);
  }

  async expect(order: RunOrder): Promise<void> {
    this.#runs.set(order.run, new ConsumerRun(order, this.#messages));
  }

  #record(data: unknown): void {
    const run = this.#messages.isIntact(data) ? this.#runs.get(data.run) : undefined;
    if (run === undefined) this.#strangers += 1;
    else run.record(data);
  }

  /** Waits until all messages of the run are here, or no more come. */
  async result(id: number): Promise<ConsumerResult> {
    const run = this.#runs.get(id);
    if (run === undefined) throw new Error(`run ${id} was not announced`);
    await run.settled();
    await pause(AFTERWARDS_MS);
    return run.result();
  }

  /** The account of all runs, warm-up included. */
  async account(): Promise<Account> {
    const sum = sumOf([...this.#runs.values()].map((run) => run.ledger.account()));
    return { ...sum, damaged: sum.damaged + this.#strangers };
  }

  async cpuUs(): Promise<number> {
    return cpuUs();
  }

  async close(): Promise<void> {
    await this.#consumer?.close();
    this.#consumer = undefined;
  }
}

class ConsumerRun {
  readonly ledger: Ledger;
  readonly #warmUp: number;
  readonly #lateness: number[] = [];
  #isComplete = false;
  #startedAt = 0;
  #endedAt = 0;
  #startCpuUs = 0;
  #endCpuUs = 0;

  constructor({ count, warmUp }: RunOrder, messages: MessageFactory) {
    this.ledger = new Ledger(count, messages);
    this.#warmUp = warmUp;
    if (warmUp === 0) this.#start();
  }

  record(data: unknown): void {
    const { ledger } = this;
    ledger.record(data);
    const { dueAt } = data as { readonly dueAt: number }; // an intact message
    if (dueAt > 0) this.#lateness.push(nowMs() - dueAt);
    if (ledger.received === this.#warmUp && this.#startedAt === 0) this.#start();
    if (!this.#isComplete && ledger.isComplete) {
      this.#isComplete = true;
      this.#end();
    }
  }

  async settled(): Promise<void> {
    let received = -1;
    let quietMs = 0;
    while (!this.ledger.isComplete && quietMs < QUIET_MS) {
      if (received !== this.ledger.received) {
        received = this.ledger.received;
        quietMs = 0;
        this.#end();
      }
      await pause(POLL_MS);
      quietMs += POLL_MS;
    }
  }

  result(): ConsumerResult {
    return {
      account: this.ledger.account(),
      measured: this.ledger.received - this.#warmUp,
      startedAt: this.#startedAt,
      endedAt: this.#endedAt,
      cpuUs: this.#endCpuUs - this.#startCpuUs,
      lateness: this.#lateness.length === 0 ? undefined : percentilesOf(this.#lateness),
    };
  }

  #start(): void {
    this.#startedAt = nowMs();
    this.#startCpuUs = cpuUs();
  }

  #end(): void {
    this.#endedAt = nowMs();
    this.#endCpuUs = cpuUs();
  }
}
