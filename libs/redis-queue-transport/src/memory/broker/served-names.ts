import type { ServedAs } from '../../core/broker/broker.js';
import type { Surroundings } from '../process/surroundings.js';

/** Looks up how servers serve names, or have served them. */
export class ServedNames {
  constructor(private readonly at: Surroundings) {}

  isServed(queue: string): Promise<boolean> {
    const { contact, space } = this.at;
    return contact.call('look up a queue', () => space.listed.get(queue) === 'served');
  }

  servedAs(name: string): Promise<ServedAs> {
    const { contact, space } = this.at;
    return contact.call('look up a pattern', () => {
      const { index } = space.events;
      return {
        isQueue: space.listed.get(name) === 'served',
        isHeard: index.isHeard(name),
        groupQueues: index.routeOf(name).queues,
      };
    });
  }

  /** How many messages wait in each of these queues that has no consumer. */
  stranded(names: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const { contact, space } = this.at;
    return contact.call('look into queues', () => {
      const stranded = new Map<string, number>();
      for (const name of names) {
        const queue = space.queues.get(name);
        if (queue === undefined || queue.consumers.size > 0) continue;
        if (queue.waiting.length > 0) stranded.set(name, queue.waiting.length);
      }
      return stranded;
    });
  }
}
