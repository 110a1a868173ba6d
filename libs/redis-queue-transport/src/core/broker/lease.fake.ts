import type { Limited } from './limit.js';
import type { Exchange, Lease, Renewal, Settlement, TimeStep, TrialStep } from './lease.js';

/** A call that waits for the test to answer it. */
export class Asked<T> {
  readonly answered: Promise<T>;
  #resolve: (answer: T) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  constructor() {
    this.answered = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  answer(answer: T): void {
    this.#resolve(answer);
  }

  fail(error: Error): void {
    this.#reject(error);
  }
}

export class AskedExchange extends Asked<Exchange | 'leaseLost'> {
  constructor(
    readonly settlements: readonly Settlement[],
    readonly take: number,
    readonly trial: TrialStep | undefined,
    readonly time: TimeStep | undefined,
  ) {
    super();
  }

  /** Hands out these elements. All that is not given in `rest` is as in a quiet queue. */
  give(elements: readonly string[], rest: Partial<Exchange> = {}): void {
    const taken = elements.map((element) => Buffer.from(element));
    this.answer({ ...NOTHING, isTimekeeper: this.time === 'keep', taken, ...rest });
  }
}

export class AskedWait extends Asked<Buffer | Limited | 'leaseLost' | undefined> {
  constructor(readonly signal: AbortSignal) {
    super();
    signal.addEventListener('abort', () => this.answer(undefined));
  }
}

const NOTHING: Exchange = {
  taken: [],
  missing: 0,
  isCut: false,
  suspects: 'none',
  isPaused: false,
  dueInMs: undefined,
  isTimekeeper: false,
};

/** A lease without Redis: the test sees each call, and decides when and with what a blocking one returns. */
export class FakeLease implements Lease {
  readonly exchanges: AskedExchange[] = [];
  readonly waits: AskedWait[] = [];
  readonly questions: Asked<boolean>[] = [];
  readonly bodies: Asked<Buffer | 'leaseLost' | undefined>[] = [];
  readonly reclaimed: string[] = [];
  renewals = 0;
  hasLeft = false;
  /** What a renewal returns. */
  renewal: () => Promise<Renewal | 'leaseLost'> = () =>
    Promise.resolve({ nowMs: 0, doubtful: [], fenced: [] });

  readonly #quietAnswers: (() => void)[] = [];

  constructor(readonly consumer = 'me') {}

  /** Answers all calls that still wait, as a quiet queue does. */
  answerAll(): void {
    for (const answer of this.#quietAnswers.splice(0)) answer();
  }

  exchange(
    settlements: readonly Settlement[],
    take: number,
    trial?: TrialStep,
    time?: TimeStep,
  ): Promise<Exchange | 'leaseLost'> {
    const asked = new AskedExchange(settlements, take, trial, time);
    this.exchanges.push(asked);
    this.#quietAnswers.push(() => asked.give([]));
    return asked.answered;
  }

  wait(signal: AbortSignal): Promise<Buffer | Limited | 'leaseLost' | 'look' | undefined> {
    const asked = new AskedWait(signal);
    this.waits.push(asked);
    this.#quietAnswers.push(() => asked.answer(undefined));
    return asked.answered;
  }

  wasHandled(): Promise<boolean> {
    const asked = new Asked<boolean>();
    this.questions.push(asked);
    return asked.answered;
  }

  parkedBody(): Promise<Buffer | 'leaseLost' | undefined> {
    const asked = new Asked<Buffer | 'leaseLost' | undefined>();
    this.bodies.push(asked);
    return asked.answered;
  }

  readUnkeyed(): Promise<'others'> {
    return Promise.resolve('others');
  }

  passUnkeyed(): Promise<'done'> {
    return Promise.resolve('done');
  }

  renew(): Promise<Renewal | 'leaseLost'> {
    this.renewals += 1;
    return this.renewal();
  }

  reclaim(consumer: string): Promise<number> {
    this.reclaimed.push(consumer);
    return Promise.resolve(1);
  }

  findLateTakes(fenced: readonly string[]): Promise<readonly string[]> {
    return Promise.resolve(fenced);
  }

  leave(): Promise<void> {
    this.hasLeft = true;
    return Promise.resolve();
  }
}
