import type { AdminBroker } from '../../../libs/redis-queue-transport/src/core/admin/admin-broker.js';
import type { Broker } from '../../../libs/redis-queue-transport/src/core/broker/broker.js';
import type { Element } from '../../../libs/redis-queue-transport/src/core/message/envelope.js';
import type { QueueWorld } from '../broker-world.js';
import { expectTrueCounts } from '../counted-keys.js';
import { byKey, labelOf } from './labels.js';

/** Who else gets what is emitted: nobody takes from its queue. */
const OTHER_GROUP = 'mail';
const ALL = 1_000;

/** An event, of which the queue of a round gets the copies of a group. Another group gets them too, and a history. */
export class EventPlace {
  readonly queue: string;
  readonly #other: string;

  constructor(
    private readonly world: QueueWorld,
    private readonly broker: Broker,
    private readonly admin: AdminBroker,
    readonly pattern: string,
  ) {
    this.queue = `@billing/${pattern}`;
    this.#other = `@${OTHER_GROUP}/${pattern}`;
  }

  async declare(): Promise<void> {
    const history = { maxLength: ALL };
    await this.broker.declare({ pattern: this.pattern, groups: [OTHER_GROUP], history });
  }

  /** How many groups got it, and whether a history did. */
  async publish(
    id: string,
    element: Element,
    deduplicateMs: number | undefined,
  ): Promise<{ readonly groups: number; readonly isDuplicate: boolean; readonly isKept: boolean }> {
    const { groups, historyId, isDuplicate } = await this.broker.publish(
      this.pattern,
      id,
      element,
      { deduplicateMs },
    );
    return { groups, isDuplicate, isKept: historyId !== undefined };
  }

  /** What the other group and the history have got. */
  async state(): Promise<readonly string[][]> {
    const other = await this.world.dump(this.#other);
    expectTrueCounts(other);
    const levels = [...other.levels].sort(([one], [another]) => another - one);
    const levelled = levels.flatMap(([, level]) => level);
    const inLanes = [...other.lanes].sort(byKey).flatMap(([, lane]) => lane);
    const part = { from: undefined, count: ALL, isNewestFirst: false };
    const history = await this.admin.events.history(this.pattern, part);
    return [
      [...other.waiting, ...levelled].map(labelOf),
      inLanes.map(labelOf),
      history.map(({ element }) => labelOf(element)),
    ];
  }

  /** Answers the bodies that are left beside the other group's queue. */
  async end(): Promise<readonly string[]> {
    await this.admin.events.retire(this.queue, 'drop');
    await this.admin.events.retire(this.#other, 'drop');
    await this.admin.events.endHistory(this.pattern, 'drop');
    return (await this.world.dump(this.#other)).parked;
  }
}
