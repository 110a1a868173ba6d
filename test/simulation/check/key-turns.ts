import { idOf } from '../../../libs/redis-queue-transport/src/core/message/envelope.js';
import { PER_KEY } from '../../../libs/redis-queue-transport/src/core/broker/per-key.js';
import type { StoredQueue } from '../../../libs/redis-queue-transport/src/memory/store/stored-queue.js';
import type { QueuePlan } from '../scenario/scenario.js';
import type { Keyed } from './key-order.js';
import { RateWindow } from './rate-window.js';
import type { WatchedRun } from './watched-run.js';

/**
 * Whether messages of one queue get their turn only when their key lets them: not beyond its rate, nor while it is paused or
 * slowed down. A message gets its turn when it comes in front of its lane. All of it is read from the lists, and none from
 * what the engine counts.
 */
export class KeyTurns {
  /** Those that were in front of their lanes when it looked last. */
  #out: ReadonlySet<string> = new Set();
  /** By key, by Redis's clock, since that was set last. */
  readonly #rates = new Map<string, RateWindow>();
  /** By key, by Redis's clock. */
  readonly #slowedUntilMs = new Map<string, number>();
  /** Those that have slowed their key down, once each time. */
  readonly #slowing = new WeakSet<Buffer>();
  readonly #paused = new Set<string>();

  constructor(
    private readonly plan: QueuePlan,
    private readonly run: WatchedRun,
  ) {}

  /** Times on both sides of a step cannot be compared; one back ends that a key is slowed down. */
  clockWasSet(): void {
    this.#rates.clear();
    this.#slowedUntilMs.clear();
  }

  /** The replica has become the primary. What it has let go on has had its turn, and its keys rest as it knows. */
  tookOver({ delayed, rests }: StoredQueue, out: readonly Keyed[]): void {
    this.clockWasSet();
    this.#out = new Set(out.map(({ id }) => id));
    this.#paused.clear();
    for (const [key, { untilMs }] of rests.all) if (untilMs === Infinity) this.#paused.add(key);
    for (const { element } of delayed.all) this.#slowing.add(element);
  }

  /** An administrator has paused or resumed a key; that is looked at next. A key that is resumed no longer rests at all. */
  setPaused(key: string, isPaused: boolean): void {
    if (isPaused) this.#paused.add(key);
    else {
      this.#paused.delete(key);
      this.#slowedUntilMs.delete(key);
    }
  }

  /**
   * To be called after each command.
   *
   * @param out those that are in front of their lanes
   */
  look(queue: StoredQueue, out: readonly Keyed[], redisNowMs: number): void {
    this.#lookForSlowing(queue, out, redisNowMs);
    for (const keyed of out)
      if (!this.#out.has(keyed.id)) this.#checkTurn(queue, keyed, redisNowMs);
    this.#out = new Set(out.map(({ id }) => id));
  }

  #checkTurn({ terms }: StoredQueue, { id, key }: Keyed, redisNowMs: number): void {
    if (this.#paused.has(key)) this.run.violate('paused key', `${id} of ${key} got its turn`);
    if ((this.#slowedUntilMs.get(key) ?? 0) > redisNowMs)
      this.run.violate('slowed down', `${id} of ${key} got its turn meanwhile`);
    const { rate, perMs } = this.plan.perKey;
    // Nobody keeps it before a server has said so.
    if (rate === undefined || terms.get(PER_KEY.rate) !== String(rate)) return;
    const window = this.#rates.get(key) ?? new RateWindow(rate, perMs);
    this.#rates.set(key, window);
    const excess = window.add(1, redisNowMs);
    if (excess !== undefined) this.run.violate('limit', `of ${key}, ${excess}`);
  }

  /** The message that slowed its key down is delayed for as long. */
  #lookForSlowing({ delayed }: StoredQueue, out: readonly Keyed[], redisNowMs: number): void {
    if (delayed.length === 0) return;
    for (const { dueMs, element } of delayed.all) {
      if (this.#slowing.has(element)) continue;
      const id = idOf(element) ?? '?';
      if (!this.run.hasAskedToSlow(id, 'key')) continue;
      this.#slowing.add(element);
      const { key } = out.find((keyed) => keyed.id === id) ?? {};
      if (key === undefined || dueMs <= redisNowMs) continue;
      this.#slowedUntilMs.set(key, Math.max(dueMs, this.#slowedUntilMs.get(key) ?? 0));
    }
  }
}
