import type { OtherTerms, QueueTerms, WakeNews } from '../../core/broker/broker.js';
import type { ConnectionHealth } from '../../core/broker/health.js';
import type { Lease, LeaseTerms } from '../../core/broker/lease.js';
import type { Subscriptions } from '../../core/subscriptions/subscriptions.js';
import type { RedisClock } from '../../core/process/clock.js';
import { PAUSED } from '../admin/set-paused.script.js';
import type { Connection } from '../connection/connection.js';
import type { Connections } from '../connection/connections.js';
import type { Keys, QueueKeys } from '../keys/keys.js';
import { join } from '../lease/join.script.js';
import { noteTerms } from '../lease/note-terms.script.js';
import { RedisLease } from '../lease/redis-lease.js';
import { RenewalRounds } from '../lease/renewal-rounds.js';
import { LargeElements, mayHoldLarge } from '../parking/large-elements.js';
import { beginReading } from '../unkeyed/begin-reading.script.js';
import { register } from '../queue/register.script.js';
import type { ReplyBatch } from '../replies/reply-batch.js';
import { DUE, KEYS_NEWS } from '../lua/roles-lua.js';
import { SLOWED_NEWS } from '../lua/limit-lua.js';
import { takingEnd } from '../lua/moving-lua.js';
import { SLEEPER_NEWS } from '../lua/sleepers-lua.js';
import { openTracking } from '../waiting/open-tracking.js';
import type { ToldSleepers } from '../waiting/tracking.js';
import { WaitPool } from '../waiting/wait-pool.js';
import { Waiting } from '../waiting/waiting.js';

/** What the consumers of a process share. */
export interface ConsumersSurroundings {
  readonly connections: Connections;
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
  /** Redis's id of the connection that listens. Waits for it. */
  readonly listenerId: () => Promise<number | undefined>;
  readonly onError: (error: unknown) => void;
  readonly warn: (text: string) => void;
  /** How many connections may block, if Redis can tell of messages in another way. */
  readonly blockingConnections: number;
}

/** The consumers of one process: gets them their leases, and hears the news of their queues. */
export class Consumers {
  /** By queue. */
  readonly #onWake = new Map<string, () => void>();
  /** By queue. Recorded again if Redis loses them. */
  readonly #terms = new Map<string, QueueTerms>();
  /** Queues of which Redis may have lost the terms. */
  readonly #mayBeLost = new Set<string>();
  /** By consumer: why Redis refuses to hand out and settle, and since when, by `performance.now()`. */
  readonly #refusals = new Map<string, { readonly failure: string; readonly since: number }>();
  /** By consumer. */
  readonly #waiting = new Map<string, Waiting>();
  /** By the way to their queues. */
  readonly #rounds = new Map<Connection, RenewalRounds>();
  readonly #pool: WaitPool;
  readonly #tracking: ToldSleepers;
  #joined = 0;

  constructor(private readonly at: ConsumersSurroundings) {
    const { blockingConnections, commands, connections, listen, listenerId, onError } = at;
    this.#pool = new WaitPool(connections, blockingConnections);
    const onRefused = (error: Error): void => this.#waitWithoutNews(error);
    const surroundings = { commands, listen, listenerId, onError, onRefused };
    this.#tracking = openTracking(connections, surroundings);
  }

  async join(queue: string, terms: LeaseTerms, onWake: (news: WakeNews) => void): Promise<Lease> {
    const { process, subscriptions } = this.at;
    const keys = this.at.keys.queue(queue);
    const commands = this.at.commands.at(keys.waiting);
    await this.at.connect();
    this.#onWake.set(queue, () => onWake('look'));
    const listener = (news: Buffer): void => this.#hear(news.toString('latin1'), onWake);
    await this.at.listen(new Map([keys.wake, keys.wakeOf(process)].map((key) => [key, listener])));
    await register.run(
      this.at.commands,
      { queues: this.at.keys.queues },
      { queue, state: 'served' },
    );
    const readsKeys = terms.subscription?.readsKeys === true;
    // First, so that no copy comes without having to wait for its key.
    if (readsKeys) await beginReading.run(commands, keys, { consumer: '' });
    await subscriptions.join(queue, terms.subscription);
    const known = this.#terms.get(queue);
    if (known !== undefined) await this.#record(queue, known, true);
    this.#joined += 1;
    const consumer = `${process}-${this.#joined}`;
    const waiting = await this.#openWaiting(consumer, keys, terms);
    let mayMeetLarge: boolean;
    try {
      mayMeetLarge = await mayHoldLarge(commands, keys.waiting, 1);
      this.at.clock.set(await join.run(commands, keys, { consumer, leaseMs: terms.leaseMs }));
      if (readsKeys) await beginReading.run(commands, keys, { consumer });
    } catch (error) {
      waiting.over();
      throw error;
    }
    this.#waiting.set(consumer, waiting);
    const { clock, connections, newId, replies } = this.at;
    const bodies = (): Connection => connections.bodies.at(keys.waiting);
    return new RedisLease(consumer, terms, {
      commands,
      waiting,
      rounds: this.#roundsOf(commands),
      bodies,
      keys,
      large: new LargeElements(bodies, keys, newId),
      takesFrom: takingEnd(terms.order),
      mayMeetLarge,
      newId,
      flushReplies: () => replies.flush(),
      onRenewed: (nowMs) => {
        clock.set(nowMs);
        this.#recordLost(queue);
      },
      lookAround: () => onWake('look'),
      onOver: () => this.#waiting.delete(consumer),
      onRefusal: (refusal) => {
        if (refusal === undefined) return void this.#refusals.delete(consumer);
        const since = this.#refusals.get(consumer)?.since ?? performance.now();
        const failure = `The consumer of "${queue}": ${refusal}`;
        this.#refusals.set(consumer, { failure, since });
      },
    });
  }

  #roundsOf(commands: Connection): RenewalRounds {
    const known = this.#rounds.get(commands);
    if (known !== undefined) return known;
    const rounds = new RenewalRounds(commands);
    this.#rounds.set(commands, rounds);
    return rounds;
  }

  /** A consumer that cannot wait would get messages late or never, so it does not start. */
  async #openWaiting(consumer: string, keys: QueueKeys, terms: LeaseTerms): Promise<Waiting> {
    if (!this.#pool.hasRoom) await this.#tracking.start(keys.waiting);
    const lists = { waiting: keys.waiting, processing: keys.processing(consumer) };
    const waiting = new Waiting(consumer, {
      commands: this.at.commands.at(keys.waiting),
      pool: this.#pool,
      tracking: this.#tracking,
      keys,
      lists,
      takesFrom: takingEnd(terms.order),
      waitMs: terms.waitMs,
    });
    await waiting.open(this.at.connectTimeoutMs);
    return waiting;
  }

  #hear(news: string, onWake: (news: WakeNews) => void): void {
    const [kind, sleeper = ''] = news.split(' ', 2);
    const sleep = this.#waiting.get(sleeper)?.sleep;
    if (kind === SLEEPER_NEWS.watch && sleep !== undefined) sleep.becomeWatcher();
    else if (kind === SLEEPER_NEWS.look && sleep !== undefined) sleep.look();
    else onWake(readNews(news));
  }

  #waitWithoutNews(error: Error): void {
    this.at.warn(
      'Each handler of messages or durable events has a connection of its own, since Redis does not tell of new messages ' +
        `otherwise (CLIENT TRACKING; docs/permissions.md has the permissions): ${error.message}`,
    );
    this.#pool.lift();
  }

  async noteTerms(queue: string, terms: QueueTerms): Promise<OtherTerms | undefined> {
    await this.at.connect();
    this.#terms.set(queue, terms);
    return this.#record(queue, terms, false);
  }

  /**
   * After a failover, Redis may know a lease and not the terms that were recorded after it was taken. Each queue's are
   * recorded again with its next renewal: one that Redis refuses is tried again in its time.
   */
  recordAgain(): void {
    for (const queue of this.#terms.keys()) this.#mayBeLost.add(queue);
  }

  #recordLost(queue: string): void {
    const terms = this.#terms.get(queue);
    if (!this.#mayBeLost.delete(queue) || terms === undefined) return;
    this.#record(queue, terms, true).catch((error: unknown) => {
      this.#mayBeLost.add(queue);
      this.at.onError(error);
    });
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
    this.#tracking.lost();
  }

  stop(): void {
    this.#tracking.stop();
  }

  /** A consumer that gets nothing because Redis refuses is as bad as a connection that is down. */
  get health(): readonly ConnectionHealth[] {
    const now = performance.now();
    const refusals = [...this.#refusals.values()].map(({ failure, since }) => ({
      failure,
      failingForMs: now - since,
      sinceRoundTripMs: undefined,
    }));
    const { health } = this.#tracking;
    return health === undefined ? refusals : [health, ...refusals];
  }
}

/** Anything else that other programs publish there means that there is something to look for. */
function readNews(news: string): WakeNews {
  if (news === PAUSED) return 'paused';
  if (news === SLOWED_NEWS) return 'slowed';
  if (news === KEYS_NEWS) return 'keys';
  const dueMs = news.startsWith(`${DUE} `) ? Number(news.slice(DUE.length)) : NaN;
  return Number.isSafeInteger(dueMs) ? dueMs : 'look';
}
