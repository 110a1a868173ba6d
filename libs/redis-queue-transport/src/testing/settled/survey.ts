import { boundedLength } from '../../core/admin/limit-state.js';
import type { QueueLengths, RedisQueueAdmin } from '../../index.js';
import type { Journal } from '../journal/journal.js';
import type { Traffic } from '../place/traffic.js';
import type { OpenWork } from './open-work.js';
import { openInApps } from './open-in-apps.js';
import { openInQueue } from './open-in-queue.js';

/** Looks for what is not settled, in the queues and in the apps of a kit. */
export class Survey {
  constructor(
    private readonly admin: RedisQueueAdmin,
    private readonly journal: Journal,
    private readonly traffic: Traffic,
  ) {}

  /** Whether apps of the kit are at work, as far as known without asking. */
  get isAtWork(): boolean {
    const { running, openSendings } = this.journal;
    return running.length + openSendings.length + this.traffic.eventsUnderWay.length > 0;
  }

  /** Queues that are served and have anything left. What was sent where nobody serves stays there. */
  async unfinished(): Promise<ReadonlyMap<string, QueueLengths>> {
    const unfinished = new Map<string, QueueLengths>();
    for (const queue of await this.admin.queues()) {
      const lengths = await this.admin.lengths(queue);
      if (lengths.consumers > 0 && leftIn(lengths) > 0) unfinished.set(queue, lengths);
    }
    return unfinished;
  }

  /** Makes everything due that is delayed in these queues, or in all. Returns how many. */
  async advance(queues?: readonly string[]): Promise<number> {
    let advanced = 0;
    for (const queue of queues ?? (await this.admin.queues()))
      advanced += await this.admin.advanceDelayed(queue);
    return advanced;
  }

  async openWork(): Promise<readonly OpenWork[]> {
    const inApps = openInApps(this.journal, this.traffic);
    const begun = new Set(inApps.map(({ queue, id }) => `${queue} ${id}`));
    const inQueues: OpenWork[] = [];
    for (const [queue, { isPaused }] of await this.unfinished()) {
      const open = await openInQueue(this.admin, this.journal, queue, isPaused);
      inQueues.push(...open);
    }
    // What runs is held too.
    const others = inQueues.filter(
      ({ state, queue, id }) => state !== 'held' || !begun.has(`${queue} ${id}`),
    );
    return [...inApps, ...others];
  }
}

function leftIn(lengths: QueueLengths): number {
  return boundedLength(lengths) + lengths.processing;
}
