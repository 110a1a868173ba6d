import type { Published } from '../../core/broker/broker.js';
import type { Element } from '../../core/message/envelope.js';
import type { SendBudget } from '../../core/requests/send-budget.js';
import type { Keys } from '../keys/keys.js';
import type { PushConnections } from '../queue/push-batch.js';
import { Wildcards } from '../subscriptions/wildcards.js';
import { EventBatch } from './event-batch.js';

/** How many patterns of a cluster are remembered: an unlimited number of patterns must not fill the memory. */
const MOST_PATTERNS = 1_000;

/**
 * The events that a process emits. On one Redis, those of all patterns go together, in the order of the calls. In a cluster,
 * each pattern has a slot, so its events go apart from others, in their own order.
 */
export class Emitting {
  readonly #wildcards: Wildcards;
  readonly #all: EventBatch | undefined;
  readonly #byPattern = new Map<string, EventBatch>();

  constructor(
    private readonly connections: PushConnections,
    private readonly keys: Keys,
    /** The bodies of larger copies are parked beside the list of their group. */
    private readonly parkAboveBytes: number,
    /** Called if an event of this pattern reached no group, no listener and no history. */
    private readonly onUnheard: (pattern: string) => void,
    /** The caller has already reserved room there. */
    private readonly budget: SendBudget,
    isCluster: boolean,
  ) {
    this.#wildcards = new Wildcards(connections.commands, keys);
    if (!isCluster) this.#all = this.#open(connections, false);
  }

  add(
    pattern: string,
    messageId: string,
    element: Element,
    deduplicateMs: number | undefined,
  ): Promise<Published> {
    const batch = this.#all ?? this.#byPattern.get(pattern) ?? this.#openFor(pattern);
    return batch.add(pattern, messageId, element, deduplicateMs);
  }

  /** Events wait to be emitted, or have no reply yet. */
  get isBusy(): boolean {
    return this.#all?.isBusy ?? [...this.#byPattern.values()].some(({ isBusy }) => isBusy);
  }

  #openFor(pattern: string): EventBatch {
    if (this.#byPattern.size >= MOST_PATTERNS)
      for (const [other, { isBusy }] of this.#byPattern) if (!isBusy) this.#byPattern.delete(other);
    const { index } = this.keys.index(pattern);
    const { bodies, commands } = this.connections;
    const ways = {
      ...this.connections,
      commands: commands.at(index),
      bodies: () => bodies().at(index),
    };
    const batch = this.#open(ways, true);
    this.#byPattern.set(pattern, batch);
    return batch;
  }

  #open(connections: PushConnections, isOfOnePattern: boolean): EventBatch {
    const { budget, keys, onUnheard, parkAboveBytes } = this;
    const wildcards = this.#wildcards;
    return new EventBatch(
      { connections, keys, wildcards, isOfOnePattern, parkAboveBytes, budget },
      onUnheard,
    );
  }
}
