import type {
  Suspects,
  TrialStep,
} from '../../libs/redis-queue-transport/src/core/broker/lease.js';

/** A message as far as the model knows it. */
export interface ModelMessage {
  readonly id: string;
  readonly attempt: number;
  readonly crashes: number;
}

export type ModelOutcome = 'ack' | 'release' | 'retry' | 'deadLetter' | 'expired';

interface ModelConsumer {
  /** `ended`: the lease is over, but not reclaimed. `fenced`: reclaimed. */
  state: 'live' | 'ended' | 'fenced' | 'left';
  held: ModelMessage[];
}

/** A queue on one page: lists in memory, with the promised order. */
export class QueueModel {
  waiting: ModelMessage[] = [];
  suspects: ModelMessage[] = [];
  /** The consumer that has the right to run the suspects. */
  #trial: number | undefined;
  readonly dead: string[] = [];
  readonly done: string[] = [];
  expired = 0;
  readonly consumers: ModelConsumer[] = [];

  join(): void {
    this.consumers.push({ state: 'live', held: [] });
  }

  push(id: string): void {
    this.waiting.push({ id, attempt: 1, crashes: 0 });
  }

  hasLease(consumer: number): boolean {
    const { state } = this.#consumer(consumer);
    return state === 'live' || state === 'ended';
  }

  held(consumer: number): readonly ModelMessage[] {
    return this.#consumer(consumer).held;
  }

  /** Applies outcomes to what is held at these places, then takes. Returns what was taken. */
  exchange(
    consumer: number,
    outcomes: ReadonlyMap<number, ModelOutcome>,
    take: number,
    trial?: TrialStep,
  ): { taken: ModelMessage[]; suspects: Suspects } {
    const holder = this.#consumer(consumer);
    const back: ModelMessage[] = [];
    for (const [place, outcome] of outcomes) {
      const message = holder.held[place];
      if (message === undefined) throw new Error(`Nothing is held at ${place}.`);
      const returned = this.#settle(message, outcome);
      if (returned !== undefined) back.push(returned);
    }
    holder.held = holder.held.filter((_message, place) => !outcomes.has(place));
    this.#toHead(back);
    const isNext = this.#stepOf(consumer, trial);
    const tried = isNext ? this.suspects.splice(0, 1) : [];
    if (trial === 'next' && tried.length === 0 && this.#trial === consumer) this.#trial = undefined;
    const isHeldBack = this.#trial === consumer;
    const taken = isHeldBack ? tried : this.waiting.splice(0, take);
    holder.held.push(...taken);
    return { taken, suspects: this.#suspectsFor(consumer) };
  }

  /** A wait takes the message at the head. */
  wait(consumer: number): ModelMessage | undefined {
    const message = this.waiting.shift();
    if (message !== undefined) this.#consumer(consumer).held.push(message);
    return message;
  }

  endLease(consumer: number): void {
    if (this.hasLease(consumer)) this.#consumer(consumer).state = 'ended';
  }

  renew(consumer: number): void {
    if (this.hasLease(consumer)) this.#consumer(consumer).state = 'live';
  }

  ended(): number[] {
    return this.#indices((state) => state === 'ended');
  }

  fenced(): number[] {
    return this.#indices((state) => state === 'fenced');
  }

  reclaim(consumer: number): number {
    const holder = this.#consumer(consumer);
    if (holder.state === 'live') return 0;
    const { length } = holder.held;
    if (holder.state === 'ended') this.#suspect(holder.held);
    else this.#toHead(holder.held);
    if (holder.state === 'ended') holder.state = 'fenced';
    this.#endTrial(consumer);
    holder.held = [];
    return length;
  }

  leave(consumer: number): void {
    const holder = this.#consumer(consumer);
    this.#toHead(holder.held);
    holder.held = [];
    this.#endTrial(consumer);
    if (holder.state !== 'fenced') holder.state = 'left';
  }

  #settle(message: ModelMessage, outcome: ModelOutcome): ModelMessage | undefined {
    switch (outcome) {
      case 'ack':
        this.done.push(message.id);
        return undefined;
      case 'expired':
        this.expired += 1;
        this.done.push(message.id);
        return undefined;
      case 'deadLetter':
        this.dead.push(message.id);
        return undefined;
      case 'release':
        return message;
      case 'retry':
        return { ...message, attempt: message.attempt + 1, crashes: 0 };
    }
  }

  /** Whether the consumer may take a suspect by this step. */
  #stepOf(consumer: number, step: TrialStep | undefined): boolean {
    const isClaimed =
      step === 'claim' || (step === 'claimIfEmpty' && this.held(consumer).length === 0);
    if (isClaimed && this.suspects.length > 0) this.#trial ??= consumer;
    if (step === 'yield') this.#endTrial(consumer);
    return step === 'next' && this.#trial === consumer;
  }

  #endTrial(consumer: number): void {
    if (this.#trial === consumer) this.#trial = undefined;
  }

  #suspectsFor(consumer: number): Suspects {
    if (this.#trial === consumer) return 'mine';
    if (this.suspects.length === 0) return 'none';
    return this.#trial === undefined ? 'free' : 'others';
  }

  /** Puts each message back at the head of its list. */
  #toHead(messages: readonly ModelMessage[]): void {
    this.suspects.unshift(...messages.filter(({ crashes }) => crashes > 0));
    this.waiting.unshift(...messages.filter(({ crashes }) => crashes === 0));
  }

  /** Makes suspects of what was held in a crash. Of those that were suspects before, only the last one is blamed. */
  #suspect(held: readonly ModelMessage[]): void {
    const blamed = held.findLast(({ crashes }) => crashes > 0);
    for (const message of held.toReversed()) {
      const { id, attempt, crashes } = message;
      const isOlder = crashes > 0 && message !== blamed;
      const suspect = { id, attempt: attempt + 1, crashes: isOlder ? crashes : crashes + 1 };
      if (isOlder) this.suspects.push(suspect);
      else this.suspects.unshift(suspect);
    }
  }

  #indices(has: (state: ModelConsumer['state']) => boolean): number[] {
    return this.consumers.flatMap(({ state }, index) => (has(state) ? [index] : []));
  }

  #consumer(index: number): ModelConsumer {
    const consumer = this.consumers[index];
    if (consumer === undefined) throw new Error(`There is no consumer ${index}.`);
    return consumer;
  }
}
