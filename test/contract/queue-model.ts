/** A message as far as the model knows it. */
export interface ModelMessage {
  readonly id: string;
  readonly attempt: number;
  readonly crashes: number;
}

export type ModelOutcome = 'ack' | 'release' | 'retry' | 'deadLetter' | 'expired';

interface ModelConsumer {
  /** `ended`: its time is over, but nobody has reclaimed it. `fenced`: reclaimed. */
  state: 'live' | 'ended' | 'fenced' | 'left';
  held: ModelMessage[];
}

/** What a queue is, in a page: lists in memory, and the rules of order from the design. */
export class QueueModel {
  waiting: ModelMessage[] = [];
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

  /** Applies outcomes to what is held at these places, then takes. Answers what was taken. */
  exchange(
    consumer: number,
    outcomes: ReadonlyMap<number, ModelOutcome>,
    take: number,
  ): { taken: ModelMessage[]; isSuspectAhead: boolean } {
    const holder = this.#consumer(consumer);
    const backToHead: ModelMessage[] = [];
    for (const [place, outcome] of outcomes) {
      const message = holder.held[place];
      if (message === undefined) throw new Error(`Nothing is held at ${place}.`);
      const back = this.#settle(message, outcome);
      if (back !== undefined) backToHead.push(back);
    }
    holder.held = holder.held.filter((_message, place) => !outcomes.has(place));
    this.waiting.unshift(...backToHead);
    return this.#take(holder, take);
  }

  /** A wait takes whatever is at the head. */
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
    return this.#indices((state) => state === 'ended' || state === 'fenced');
  }

  reclaim(consumer: number): number {
    const holder = this.#consumer(consumer);
    if (holder.state === 'live') return 0;
    const back = holder.state === 'ended' ? suspects(holder.held) : holder.held;
    if (holder.state === 'ended') holder.state = 'fenced';
    this.#giveBack(holder, back);
    return back.length;
  }

  leave(consumer: number): void {
    const holder = this.#consumer(consumer);
    this.#giveBack(holder, holder.held);
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
        return { ...message, attempt: message.attempt + 1 };
    }
  }

  #take(holder: ModelConsumer, take: number): { taken: ModelMessage[]; isSuspectAhead: boolean } {
    const taken: ModelMessage[] = [];
    while (taken.length < take) {
      const next = this.waiting[0];
      if (next === undefined) break;
      const isSuspect = next.crashes > 0;
      if (isSuspect && holder.held.length > 0) return { taken, isSuspectAhead: true };
      this.waiting.shift();
      holder.held.push(next);
      taken.push(next);
      if (isSuspect) break;
    }
    return { taken, isSuspectAhead: false };
  }

  #giveBack(holder: ModelConsumer, messages: readonly ModelMessage[]): void {
    this.waiting.unshift(...messages);
    holder.held = [];
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

/** What a crash makes of the messages that were held: the only one is blamed again, several only once. */
function suspects(held: readonly ModelMessage[]): ModelMessage[] {
  return held.map(({ id, attempt, crashes }) => ({
    id,
    attempt: attempt + 1,
    crashes: held.length === 1 || crashes === 0 ? crashes + 1 : crashes,
  }));
}
