import type { Command, Exchanging, ExchangingAgain, Simple } from './commands.js';
import type { Kind } from './kind.js';
import { byKey } from './labels.js';
import { labelOf, newMessage, textOf } from './model-message.js';
import type { ModelMessage } from './model-message.js';
import { inLanes, tend } from './model-tending.js';
import { QueueModel } from './queue-model.js';
import { limitedOf, restHours } from './side.js';
import type { Answer, QueueState } from './side.js';
import { HOUR_MS, LARGE_BYTES, delayMs } from './terms.js';

/** One in so many commands is given to any consumer, even if its lease is lost. */
const ANY_CONSUMER = 8;

/** What every broker has to answer and to hold, by the model. */
export class Expectation {
  readonly #model: QueueModel;
  /** How many settlements each consumer can give again. */
  readonly #repeatable = new Map<number, number>();
  /** What was emitted, in order. */
  readonly #emitted: ModelMessage[] = [];

  /** What is pushed is emitted instead. */
  private readonly isEvent: boolean;

  constructor(kind: Kind) {
    this.isEvent = kind.isEvent;
    this.#model = new QueueModel(kind);
  }

  join(): void {
    this.#model.join();
  }

  /** The command as it can be given now; undefined if it makes no sense. */
  prepare(command: Command): Command | undefined {
    switch (command.kind) {
      case 'push':
      case 'pushForeign':
      case 'join':
      case 'passTime':
      case 'limitKeys':
        return command;
      case 'tend':
        return this.#prepareTending(command);
      case 'exchange':
        return this.#prepareExchange(command);
      case 'repeat':
      case 'loseTake':
        return this.#prepareAgain(command);
      case 'crash':
      case 'reclaim': {
        const consumer = this.#indexOf(command.consumer, (index) => this.#holds(index));
        if (!this.#holds(consumer) && command.consumer % ANY_CONSUMER > 0) return undefined;
        return { ...command, consumer, by: this.#indexOf(command.by) };
      }
      case 'simple': {
        const simple = { ...command, consumer: this.#indexOf(command.consumer) };
        return this.#makesSense(simple) ? simple : undefined;
      }
    }
  }

  /** Any number stands for a consumer: mostly for one of those of whom there is more to tell. */
  #indexOf(number: number, isPreferred = (index: number) => this.#model.hasLease(index)): number {
    const all = [...this.#model.consumers.keys()];
    const preferred = number % ANY_CONSUMER === 0 ? [] : all.filter(isPreferred);
    const some = preferred.length === 0 ? all : preferred;
    return some[number % some.length] ?? 0;
  }

  #holds(index: number): boolean {
    return this.#model.consumer(index).held.length > 0;
  }

  #prepareExchange(command: Exchanging): Command {
    const model = this.#model;
    // With outcomes, it had better be one that holds something.
    const isHolder = (index: number): boolean => model.hasLease(index) && this.#holds(index);
    const consumer = this.#indexOf(
      command.consumer,
      command.outcomes.length > 1 ? isHolder : undefined,
    );
    // What a late command took for a consumer without a lease, it does not know of.
    const known = model.hasLease(consumer) ? model.consumer(consumer).held.length : 0;
    const outcomes = command.outcomes.slice(0, known);
    const { trial } = command;
    // While it has the right to run suspects, a consumer says with each exchange what it does with it.
    const isIdle = trial === undefined || trial === 'claimIfEmpty';
    const isInTrial = model.hasTrial(consumer);
    return { ...command, consumer, outcomes, trial: isIdle && isInTrial ? 'keep' : trial };
  }

  #prepareAgain(command: ExchangingAgain): Command | undefined {
    const model = this.#model;
    const consumer = this.#indexOf(command.consumer);
    const isRepeatable = this.#repeatable.has(consumer);
    if (command.kind === 'repeat' && !isRepeatable) return undefined;
    if (command.kind === 'loseTake' && model.consumer(consumer).state !== 'live') return undefined;
    return { ...command, consumer, trial: model.hasTrial(consumer) ? 'keep' : undefined };
  }

  #prepareTending(command: Command & { readonly kind: 'tend' }): Command | undefined {
    const { tending } = command;
    if (tending.kind !== 'remove') return command;
    const { consumers, delayed, inOrder: waiting, suspects } = this.#model;
    const held = consumers.flatMap((consumer) => consumer.held);
    const lanes = inLanes(this.#model);
    const { length } = { waiting, lanes, suspects, delayed, held }[tending.from];
    if (length === 0) return undefined;
    return { kind: 'tend', tending: { ...tending, at: tending.at % length } };
  }

  #makesSense({ verb, consumer }: Simple): boolean {
    const model = this.#model;
    const { held, state } = model.consumer(consumer);
    // Nobody would wait for nothing.
    if (verb === 'wait') return model.waiting.length > 0 && model.hasLease(consumer);
    if (verb === 'lateTake') return state === 'fenced';
    if (verb === 'readBody')
      return model.hasLease(consumer) && held.some(({ isParked }) => isParked);
    return true;
  }

  run(command: Command, number: number): Answer {
    const model = this.#model;
    model.nowMs += 1;
    switch (command.kind) {
      case 'push':
        return this.#push(command, number);
      case 'pushForeign':
        model.waiting.push(newMessage(`f${number}`, undefined, undefined));
        return undefined;
      case 'join':
        return model.join();
      case 'exchange':
        return this.#exchange(command, number);
      case 'repeat':
        return this.#repeat(command, number);
      case 'loseTake':
        return this.#loseTake(command, number);
      case 'crash':
        model.endLease(command.consumer);
        return model.reclaim(command.consumer);
      case 'reclaim':
        return model.reclaim(command.consumer);
      case 'passTime':
        model.nowMs += command.hours * HOUR_MS;
        return undefined;
      case 'limitKeys':
        model.keys.limit = { running: command.running, ...command.pace };
        return undefined;
      case 'tend':
        return tend(model, command.tending);
      case 'simple':
        return this.#runSimple(command, number);
    }
  }

  #runSimple({ verb, consumer }: Simple, number: number): Answer {
    const model = this.#model;
    switch (verb) {
      case 'wait': {
        const limited = model.refusalOfWait(consumer);
        if (limited !== undefined) return limitedOf(limited);
        const taken = model.take(consumer);
        model.countTaken(1);
        return taken && textOf(taken);
      }
      case 'lateTake':
        model.take(consumer);
        return undefined;
      case 'renew':
        model.renew(consumer);
        return model.hasLease(consumer) ? model.indicesOf('ended') : 'leaseLost';
      case 'leave':
        return model.leave(consumer);
      case 'endLease':
        return model.endLease(consumer);
      case 'findLateTakes':
        return model.findLateTakes();
      case 'readBody':
        return LARGE_BYTES;
      case 'wasHandled':
        return [...Array(number).keys()].filter((pushed) => model.wasHandled(`m${pushed}`));
    }
  }

  #push(command: Command & { readonly kind: 'push' }, number: number): Answer {
    const { hours, isLarge, keys, more, priorities, sharedId } = command;
    const id = sharedId === undefined ? `m${number}` : `d${sharedId}`;
    const first = newMessage(
      isLarge ? `${id}+` : `n${number}`,
      id,
      keys[0],
      isLarge,
      priorities[0],
    );
    const isDelayed = hours > 0 && !this.isEvent;
    const dueMs = isDelayed ? this.#model.nowMs + delayMs(hours, number) : 0;
    const pushed = [this.#pushOne(first, dueMs, sharedId !== undefined)];
    for (let place = 1; place <= more; place += 1) {
      const another = `${number}.${place}`;
      const message = newMessage(
        `n${another}`,
        `m${another}`,
        keys[place % keys.length],
        false,
        priorities[place % priorities.length],
      );
      pushed.push(this.#pushOne(message, 0, false));
    }
    return pushed;
  }

  #pushOne(message: ModelMessage, dueMs: number, isShared: boolean): Answer {
    const pushed = this.#model.push(message, dueMs, isShared);
    if (!this.isEvent) return pushed;
    if (pushed !== 'added' && pushed !== 'duplicate') return pushed;
    const isDuplicate = pushed === 'duplicate';
    if (!isDuplicate) this.#emitted.push(message);
    return { groups: isDuplicate ? 0 : 2, isDuplicate, isKept: !isDuplicate };
  }

  #exchange(command: Exchanging, number: number): Answer {
    const { consumer, outcomes } = command;
    if (!this.#model.hasLease(consumer)) return 'leaseLost';
    // What was released may be taken again with the same bytes: then it can rightly be settled again.
    if (outcomes.includes('release')) this.#repeatable.delete(consumer);
    else this.#repeatable.set(consumer, outcomes.length);
    return this.#exchangeOnly(command, number);
  }

  #exchangeOnly(command: Exchanging, number: number): Answer {
    const { taken, dueInMs, limited, ...rest } = this.#model.exchange(command, number);
    const dueInHours = dueInMs === undefined ? undefined : Math.floor(dueInMs / HOUR_MS);
    const told = limited && limitedOf(limited);
    return { ...rest, taken: taken.map(textOf), missing: 0, dueInHours, limited: told };
  }

  #repeat({ consumer, trial }: ExchangingAgain, number: number): Answer {
    if (!this.#model.hasLease(consumer)) return 'leaseLost';
    const answer = this.#exchangeOnly(exchangingNothing(consumer, trial), number);
    return Object.assign({}, answer, { missing: this.#repeatable.get(consumer) });
  }

  /** It is back after the second exchange: the first one shows that there is something. */
  #loseTake({ consumer, trial }: ExchangingAgain, number: number): Answer {
    const model = this.#model;
    const stray = model.take(consumer);
    this.#exchangeOnly(exchangingNothing(consumer, trial), number);
    if (stray !== undefined) {
      const holder = model.consumer(consumer);
      holder.held = holder.held.filter((message) => message !== stray);
      model.putBack([stray]);
    }
    return this.#exchangeOnly(exchangingNothing(consumer, trial), number);
  }

  state(): QueueState {
    const { consumers, counts, dead, delayed, isPaused, lanes, nowMs, parked, suspects, waiting } =
      this.#model;
    return {
      waiting: waiting.map(textOf),
      levels: this.#model.inLevels.map(textOf),
      resting: [...this.#model.keys.rests]
        .sort(byKey)
        .map(([key, untilMs]) => [key, restHours(untilMs, nowMs)]),
      lanes: [...lanes].sort(byKey).map(([key, lane]) => [key, ...lane.map(textOf)]),
      suspects: suspects.map(textOf),
      delayed: delayed.map(({ dueMs, message }) => [textOf(message), dueMs <= nowMs]),
      dead: dead.toReversed().map(labelOf),
      held: consumers.map(({ held }) => held.map(textOf)),
      leases: consumers.map(({ held, state }) => {
        if (state === 'left' || (state === 'fenced' && held.length === 0)) return 'none';
        return state === 'fenced' ? 'reclaimed' : state;
      }),
      counts,
      parked,
      isPaused,
      others: this.isEvent ? this.#others() : [],
    };
  }

  /** Nobody takes from the other group: one of each key waits, and the others are in its lane. */
  #others(): readonly (readonly string[])[] {
    const firsts = new Map<string, ModelMessage>();
    for (const message of this.#emitted)
      if (message.key !== undefined && !firsts.has(message.key)) firsts.set(message.key, message);
    const isOut = (message: ModelMessage): boolean =>
      message.key === undefined || firsts.get(message.key) === message;
    const laneOf = (key: string): string[] =>
      this.#emitted.filter((one) => one.key === key && !isOut(one)).map(labelOf);
    const [first, ...behind] = this.#emitted.filter(isOut);
    const usual = behind.filter(({ priority }) => priority === 4);
    const levels = behind.filter(({ priority }) => priority !== 4);
    levels.sort((one, other) => other.priority - one.priority); // keeps the order of equals
    return [
      (first === undefined ? [] : [first, ...usual, ...levels]).map(labelOf),
      [...firsts].sort(byKey).flatMap(([key]) => laneOf(key)),
      this.#emitted.map(labelOf),
    ];
  }
}

function exchangingNothing(consumer: number, trial: Exchanging['trial']): Exchanging {
  return { kind: 'exchange', consumer, outcomes: [], take: 0, trial, time: undefined };
}
