import { idOf } from '../../../libs/redis-queue-transport/src/core/message/envelope.js';
import type { StoredQueue } from '../../../libs/redis-queue-transport/src/memory/store/stored-queue.js';
import type { WatchedRun } from './watched-run.js';

/** A start of a handler. */
export interface Beginning {
  readonly id: string;
  readonly process: string;
  /** By the time of the run, and by Redis's clock. */
  readonly nowMs: number;
  readonly redisNowMs: number;
  /** Its process may be late, or cut off. */
  readonly isTroubled: boolean;
  /** Its process computes, and is ahead of the others. */
  readonly isAhead: boolean;
}

/**
 * For how long handlers have slowed down one queue, and who knows of it. A process that has heard of it, by news or by a
 * reply, starts nothing more of that queue. So does one whose own handler has asked for it. In one that nothing has
 * happened to, the news arrives in time.
 */
export class SlowDowns {
  /** By Redis's clock. */
  untilMs = 0;
  /** By the time of the run. */
  #sinceMs = 0;
  /** The messages that have asked for it, once each time. */
  readonly #asking = new WeakSet<Buffer>();
  /** By process: until when its queue is slowed down, as far as it has heard. */
  readonly #heard = new Map<string, number>();
  /** By process: until when its queue is slowed down at least, once its exchange is executed. */
  readonly #asked = new Map<string, number>();

  constructor(private readonly run: WatchedRun) {}

  /** Times on both sides of a step cannot be compared; one back ends that the queue is slowed down. */
  clockWasSet(): void {
    this.untilMs = 0;
    this.#heard.clear();
    this.#asked.clear();
  }

  /** The replica has become the primary. What it delays was delayed before. */
  tookOver({ delayed }: StoredQueue): void {
    this.clockWasSet();
    for (const { element } of delayed.all) this.#asking.add(element);
  }

  /** To be called after each command. A message that slowed the queue down is delayed for as long. */
  look({ delayed }: StoredQueue, nowMs: number, redisNowMs: number): void {
    if (delayed.length === 0) return;
    for (const { dueMs, element } of delayed.all) {
      if (this.#asking.has(element)) continue;
      if (!this.run.hasAskedToSlow(idOf(element) ?? '?', 'queue')) continue;
      this.#asking.add(element);
      if (dueMs <= redisNowMs || dueMs <= this.untilMs) continue;
      if (this.untilMs <= redisNowMs) this.#sinceMs = nowMs;
      this.untilMs = dueMs;
    }
  }

  /** The process has heard that the queue was slowed down. */
  heard(process: string): void {
    this.#heard.set(process, this.untilMs);
  }

  /** A handler of the process has asked for it until then, at least. */
  asked(process: string, untilMs: number): void {
    this.#asked.set(process, Math.max(untilMs, this.#asked.get(process) ?? 0));
  }

  began({ id, process, nowMs, redisNowMs, isTroubled, isAhead }: Beginning): void {
    const violate = (what: string): void => this.run.violate('slowed down', `${id} began ${what}`);
    if ((this.#heard.get(process) ?? 0) > redisNowMs)
      violate(`in ${process}, which had heard of that`);
    else if (isTroubled || isAhead) return;
    else if ((this.#asked.get(process) ?? 0) > redisNowMs)
      violate(`in ${process}, whose handler had asked for that`);
    else if (this.untilMs > redisNowMs && nowMs > this.#sinceMs + this.run.newsMs)
      violate('long after that');
  }
}
