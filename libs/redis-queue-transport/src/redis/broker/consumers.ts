import type { OtherTerms, QueueTerms, WakeNews } from '../../core/broker/broker.js';
import type { ConnectionHealth } from '../../core/broker/health.js';
import type { Lease, LeaseTerms } from '../../core/broker/lease.js';
import type { Subscriptions } from '../../core/subscriptions/subscriptions.js';
import type { RedisClock } from '../../core/process/clock.js';
import { PAUSED } from '../admin/set-paused.script.js';
import type { Connection } from '../connection/connection.js';
import type { OpenConnections } from '../connection/open-connections.js';
import type { Keys } from '../keys/keys.js';
import { join } from '../lease/join.script.js';
import { noteTerms } from '../lease/note-terms.script.js';
import { RedisLease } from '../lease/redis-lease.js';
import { LargeElements, mayHoldLarge } from '../parking/large-elements.js';
import { register } from '../queue/register.script.js';
import type { ReplyBatch } from '../replies/reply-batch.js';
import { DUE } from '../lua/roles-lua.js';
import { takingEnd } from '../lua/moving-lua.js';

/** What the consumers of a process share. */
export interface ConsumersSurroundings {
  readonly connections: OpenConnections;
  readonly commands: Connection;
  readonly keys: Keys;
  /** Names this process in Redis. */
  readonly process: string;
  readonly connectTimeoutMs: number;
  /** Opens the connection for commands, or waits for it. */
  readonly connect: () => Promise<void>;
  readonly clock: RedisClock;
  readonly replies: ReplyBatch;
  readonly subscriptions: Subscriptions;
  /** Makes a unique id. */
  readonly newId: () => string;
  /** Starts to listen to channels. */
  readonly listen: (listeners: ReadonlyMap<string, (news: Buffer) => void>) => Promise<void>;
}

/** The consumers of one process: gets them their leases, and hears the news of their queues. */
export class Consumers {
  /** By queue. */
  readonly #onWake = new Map<string, () => void>();
  /** By queue. Recorded again if Redis loses them. */
  readonly #terms = new Map<string, QueueTerms>();
  /** By consumer: why Redis refuses to hand out and settle, and since when, by `performance.now()`. */
  readonly #refusals = new Map<string, { readonly failure: string; readonly since: number }>();
  #joined = 0;

  constructor(private readonly at: ConsumersSurroundings) {}

  async join(queue: string, terms: LeaseTerms, onWake: (news: WakeNews) => void): Promise<Lease> {
    const { commands, process, subscriptions } = this.at;
    const keys = this.at.keys.queue(queue);
    await this.at.connect();
    this.#onWake.set(queue, () => onWake('look'));
    const listener = (news: Buffer): void => onWake(readNews(news.toString('latin1')));
    await this.at.listen(new Map([keys.wake, keys.wakeOf(process)].map((key) => [key, listener])));
    await register.run(commands, { queues: this.at.keys.queues }, { queue, state: 'served' });
    await subscriptions.join(queue, terms.subscription);
    const known = this.#terms.get(queue);
    if (known !== undefined) await this.#record(queue, known, true);
    const blocking = await this.#openWaiting(terms.waitMs);
    this.#joined += 1;
    const consumer = `${process}-${this.#joined}`;
    let mayMeetLarge: boolean;
    try {
      mayMeetLarge = await mayHoldLarge(commands, keys.waiting, 1);
      this.at.clock.set(await join.run(commands, keys, { consumer, leaseMs: terms.leaseMs }));
    } catch (error) {
      blocking.close();
      throw error;
    }
    const { clock, connections, newId, replies } = this.at;
    return new RedisLease(consumer, terms, {
      commands,
      blocking,
      closeBlocking: () => blocking.close(),
      bodies: () => connections.bodies,
      keys,
      large: new LargeElements(() => connections.bodies, keys, newId),
      takesFrom: takingEnd(terms.order),
      mayMeetLarge,
      newId,
      flushReplies: () => replies.flush(),
      onRedisTime: (nowMs) => clock.set(nowMs),
      onRefusal: (refusal) => {
        if (refusal === undefined) return void this.#refusals.delete(consumer);
        const since = this.#refusals.get(consumer)?.since ?? performance.now();
        const failure = `The consumer of "${queue}": ${refusal}`;
        this.#refusals.set(consumer, { failure, since });
      },
    });
  }

  /** A consumer that cannot wait would get messages late or never, so it does not start. */
  async #openWaiting(waitMs: number): Promise<Connection> {
    const waiting = this.at.connections.openBlocking('wait', waitMs);
    try {
      await waiting.ready(this.at.connectTimeoutMs);
      return waiting;
    } catch (error) {
      waiting.close();
      throw error;
    }
  }

  async noteTerms(queue: string, terms: QueueTerms): Promise<OtherTerms | undefined> {
    await this.at.connect();
    this.#terms.set(queue, terms);
    return this.#record(queue, terms, false);
  }

  #record(queue: string, terms: QueueTerms, ifLost: boolean): Promise<OtherTerms | undefined> {
    const { commands, keys, process } = this.at;
    const rows = Object.entries(terms).map(([name, value]) => ({ name, value }));
    const args = { process, ifLost: ifLost ? 1 : 0 };
    return noteTerms.run(commands, keys.queue(queue), args, rows);
  }

  /** News may have been missed. */
  wakeAll(): void {
    for (const onWake of this.#onWake.values()) onWake();
  }

  /** A consumer that gets nothing because Redis refuses is as bad as a connection that is down. */
  get health(): readonly ConnectionHealth[] {
    const now = performance.now();
    return [...this.#refusals.values()].map(({ failure, since }) => ({
      failure,
      failingForMs: now - since,
      sinceRoundTripMs: undefined,
    }));
  }
}

/** Anything else that other programs publish there means that there is something to look for. */
function readNews(news: string): WakeNews {
  if (news === PAUSED) return 'paused';
  const dueMs = news.startsWith(`${DUE} `) ? Number(news.slice(DUE.length)) : NaN;
  return Number.isSafeInteger(dueMs) ? dueMs : 'look';
}
