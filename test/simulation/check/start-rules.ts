import type { Delivery } from '../../../libs/redis-queue-transport/src/core/delivery/delivery.js';
import { USUAL_PRIORITY } from '../../../libs/redis-queue-transport/src/core/message/priority.js';
import type { QueuePlan } from '../scenario/scenario.js';
import type { CheckedRun } from './checked-run.js';
import type { MessageRecord, Start } from './ledger.js';
import type { QueueWatch } from './queue-watch.js';
import type { WatchedRun } from './watched-run.js';

/** What is asked of the run when a handler starts. */
export interface StartingRun extends CheckedRun, WatchedRun {
  watchOf(queue: string): QueueWatch | undefined;
  /** Whether its process may be late, or cut off. */
  isTroubled(process: string): boolean;
}

/** What must be true when a handler starts. */
export class StartRules {
  constructor(private readonly run: StartingRun) {}

  check(record: MessageRecord, delivery: Delivery): void {
    this.#checkKey(record, delivery);
    this.#checkLimit(record);
  }

  /** It starts now, by the time of the run. Its queue must not be slowed down, as far as its process can know. */
  checkNow(start: Start, delivery: Delivery, nowMs: number, redisNowMs: number): void {
    this.run.watchOf(delivery.queue)?.slowDowns?.began({
      id: delivery.id ?? '?',
      process: start.process,
      nowMs,
      redisNowMs: redisNowMs + Math.max(0, start.atMs - nowMs),
      isTroubled: this.run.isTroubled(start.process),
      isAhead: start.atMs > nowMs,
    });
  }

  /** The store must not have given the message to others by then. */
  checkLease(start: Start, delivery: Delivery): void {
    const fencedAt = this.run.fencedAtMs(start.consumer);
    const slackMs = 5 + (this.#planOf(delivery.queue)?.leaseMs ?? 0) / 100;
    if (fencedAt === undefined || start.atMs <= fencedAt + slackMs) return;
    const lateMs = Math.round(start.atMs - fencedAt);
    this.run.violate(
      'no start on a lost lease',
      `${start.consumer} began ${delivery.id} ${lateMs} ms after others had taken its messages`,
    );
  }

  #planOf(queue: string): QueuePlan | undefined {
    return this.run.scenario.queues.find(({ name }) => name === queue);
  }

  /** Nothing that it says gets lost on its way. A key that its data says may not have been read. */
  checkEnvelope({ plan }: MessageRecord, { envelope, id }: Delivery): void {
    const { key, priority } = envelope;
    const { priority: planned = USUAL_PRIORITY } = plan;
    if (priority !== planned)
      this.run.violate('priorities', `${id} of ${planned} began with the priority ${priority}`);
    const isRead = plan.key === undefined && key !== undefined;
    if (key !== (isRead ? this.run.dataKeyOf(plan.id) : plan.key))
      this.run.violate('keys', `${id} of ${plan.key ?? 'no key'} began with ${key ?? 'none'}`);
  }

  /** No earlier message of its key is left, and none is being handled, unless it is handled without a lease. */
  #checkKey({ plan: { id } }: MessageRecord, { envelope: { key }, queue }: Delivery): void {
    if (key === undefined) return;
    const before = this.run.watchOf(queue)?.before(key, id) ?? [];
    const { running = 1 } = this.#planOf(queue)?.perKey ?? {};
    // Where several may run, they have no order.
    if (before.length > 0 && running === 1)
      this.run.violate('order of a key', `${id} began before ${before.join(', ')} was settled`);
    const others = this.#handledBeside(id, queue).filter(
      ({ starts }) => starts.at(-1)?.key === key,
    );
    const names = others.map(({ plan }) => plan.id).join(', ');
    if (others.length >= running)
      this.run.violate('order of a key', `${id} began while ${names} was handled`);
  }

  /** As many run of its queue as may, this one included, but for those that are handled without a lease. */
  #checkLimit({ plan: { id, queue } }: MessageRecord): void {
    const { running } = this.#planOf(queue)?.limit ?? {};
    if (running === undefined) return;
    const others = this.#handledBeside(id, queue).length;
    if (others >= running)
      this.run.violate('limit', `${id} began beside ${others} others of ${queue}`);
  }

  /** Others of its queue that run, by handlers that count, as far as is known: one that has timed out may go on. */
  #handledBeside(id: string, queue: string): readonly MessageRecord[] {
    if (this.#planOf(queue)?.timeoutMs !== undefined) return [];
    return [...this.run.ledger.messages.values()].filter(({ plan, starts }) => {
      if (plan.id === id || plan.queue !== queue) return false;
      const last = starts.at(-1);
      if (last === undefined || last.end !== undefined || last.gone !== undefined) return false;
      return this.run.fencedAtMs(last.consumer) === undefined;
    });
  }
}
