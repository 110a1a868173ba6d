import type { PushTerms } from '../../core/broker/broker.js';
import type { Element } from '../../core/message/envelope.js';
import type { SendBudget } from '../../core/requests/send-budget.js';
import type { Keys } from '../keys/keys.js';
import { ListedQueues } from './listed-queues.js';
import type { ListedQueuesEvents } from './listed-queues.js';
import { PushBatch } from './push-batch.js';
import type { PushConnections } from './push-batch.js';

/** How many queues that were sent to are remembered: an unlimited number of patterns must not fill the memory. */
const MOST_KNOWN_QUEUES = 1_000;

/** The pushes of one process, by queue. */
export class QueuePushes {
  readonly #pushes = new Map<string, PushBatch>();
  readonly #listed: ListedQueues;

  constructor(
    private readonly connections: PushConnections,
    private readonly keys: Keys,
    /** The bodies of larger elements are parked. */
    private readonly parkAboveBytes: number,
    /** The caller of every push has already reserved room there. */
    private readonly budget: SendBudget,
    events: ListedQueuesEvents,
  ) {
    this.#listed = new ListedQueues(connections.commands, keys, events);
  }

  /** Where to push to a queue that is listed. */
  ofListed(queue: string): PushBatch | undefined {
    const pushes = this.#pushes.get(queue);
    return pushes !== undefined && this.#listed.has(queue) ? pushes : undefined;
  }

  /** Lists the queue if this process has not done so. */
  async push(
    queue: string,
    messageId: string,
    element: Element,
    terms: PushTerms | undefined,
  ): Promise<'added' | 'duplicate'> {
    const pushes = this.#pushesOf(queue, element);
    const held = await pushes.push(messageId, element, terms);
    if (!this.#listed.has(queue)) await this.#listed.add(queue);
    return held;
  }

  /** The connection is restored. */
  listAgain(): void {
    this.#listed.doubt();
  }

  get isBusy(): boolean {
    return [...this.#pushes.values()].some((pushes) => pushes.isBusy);
  }

  #pushesOf(queue: string, element: Element): PushBatch {
    const known = this.#pushes.get(queue);
    if (known !== undefined) return known;
    try {
      const keys = this.keys.queue(queue);
      const { commands, bodies, ...others } = this.connections;
      const ways = {
        ...others,
        commands: commands.at(keys.waiting),
        bodies: () => bodies().at(keys.waiting),
      };
      const pushes = new PushBatch(queue, ways, keys, this.parkAboveBytes, this.budget);
      if (this.#pushes.size >= MOST_KNOWN_QUEUES) this.#forget();
      this.#pushes.set(queue, pushes);
      return pushes;
    } catch (error) {
      this.budget.give(element.length); // a queue cannot have this name
      throw error;
    }
  }

  /** Keeps those under way, behind which others may wait. */
  #forget(): void {
    for (const [queue, { isBusy }] of this.#pushes) if (!isBusy) this.#pushes.delete(queue);
  }
}
