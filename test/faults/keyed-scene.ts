import { setTimeout as pause } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { RedisOptions } from 'ioredis';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import { expectTrueCounts } from '../contract/counted-keys.js';
import type {
  ConsumerProcess,
  ConsumerSettings,
  TestMessage,
} from '../support/consumer-process.js';
import { eventually } from '../support/eventually.js';
import { idsOf } from '../support/ledger.js';
import { Proxy } from '../support/proxy.js';
import { waitingIn } from '../support/queue-dump.js';
import type { RedisRig } from '../support/redis-rig.js';
import { disorder } from './disorder.js';
import { FaultStage } from './fault-stage.js';
import { mostAtOnce } from './most-at-once.js';
import type { FreePlaces } from './most-at-once.js';

/** How many may run in all processes together. */
export const RUNNING = 3;
/** How many may wait. */
export const MAX_LENGTH = 4;
export const KEYS = ['k0', 'k1', 'k2', 'k3', 'k4', 'k5'] as const;
/** How long a handler works, even one that fails. */
export const WORK_MS = 8;
/** Longer than any fault. */
const ROOM_WITHIN_MS = 60_000;
/** Between a message that was refused and the next. */
const PAUSE_MS = 10;
/** Everything has come home by then, even on a busy machine. */
export const WITHIN_MS = 60_000;

type Options = NonNullable<ConsumerSettings['options']>;
type More = Pick<ConsumerSettings, 'clockAheadMs' | 'hears' | 'group' | 'perKey'>;

/**
 * A queue whose messages have keys and priorities, with a limit and a bound, in several processes; and what must hold of it
 * whatever happens to them.
 */
export class KeyedScene {
  /** Those that are meant to live. Whoever kills one takes it out. */
  readonly consumers: ConsumerProcess[] = [];
  readonly #sent = new Map<string, number>();
  #held = 0;

  private constructor(
    private readonly rig: RedisRig,
    readonly stage: FaultStage,
    readonly proxy: Proxy,
    readonly admin: RedisQueueAdmin,
    private readonly options: Options,
  ) {}

  /**
   * @param options of each process
   * @param connection of the sender
   */
  static async open(
    rig: RedisRig,
    options: Options = {},
    connection?: RedisOptions,
  ): Promise<KeyedScene> {
    const { redis, prefix } = rig;
    const stage = await FaultStage.open(rig, connection);
    const proxy = rig.closeLater(await Proxy.start(redis.port));
    const admin = rig.closeLater(new RedisQueueAdmin({ connection: redis.url, prefix }));
    const retry = { attempts: 5, backoff: 'fixed', delayMs: 30 } as const;
    return new KeyedScene(rig, stage, proxy, admin, { concurrency: RUNNING, retry, ...options });
  }

  /** Starts one more process. @param url where it finds Redis, if not directly */
  async start(
    more: More = {},
    url: ConsumerSettings['url'] = this.rig.connection,
  ): Promise<ConsumerProcess> {
    const terms = { limit: { running: RUNNING }, maxLength: MAX_LENGTH };
    const started = await this.stage.startConsumer(this.options, url, { ...terms, ...more });
    this.consumers.push(started);
    return started;
  }

  /** Takes one out of those that are meant to live: the one that was started last, unless another is given. */
  dismiss(one = this.consumers.at(-1)): ConsumerProcess {
    const index = this.consumers.findIndex((each) => each === one);
    const [dismissed] = this.consumers.splice(index, 1);
    if (index === -1 || dismissed === undefined) throw new Error('There is no such process.');
    return dismissed;
  }

  /** The next message of a key. Neighbours have different priorities, and every fourth one fails the first time. */
  next(key: string): TestMessage {
    const place = (this.#sent.get(key) ?? 0) + 1;
    this.#sent.set(key, place);
    const priority = (3 * place + KEYS.findIndex((one) => one === key)) % 10;
    const failsFirst = place % 4 === 2;
    const terms = { workMs: WORK_MS, waitForRoomMs: ROOM_WITHIN_MS };
    return { id: `${key}-${place}`, key, priority, failsFirst, ...terms };
  }

  /** Sends more of each key, one after the other, so that their order is known. Those that are refused are left behind. */
  async sendEach(count: number, keys: readonly string[] = KEYS): Promise<void> {
    await Promise.all(
      keys.map(async (key) => {
        for (let sent = 0; sent < count; sent += 1) await this.stage.send(this.next(key));
      }),
    );
  }

  /** Goes on sending of each key, as {@link sendEach}, until what it returns is called. */
  keepSending(keys: readonly string[] = KEYS): () => Promise<void> {
    let isOver = false;
    this.rig.closeLater({ close: () => (isOver = true) }); // a test that fails does not end it
    const sending = keys.map(async (key) => {
      while (!isOver) {
        const [result] = await this.stage.send(this.next(key));
        if (result !== 'confirmed') await pause(PAUSE_MS); // Redis may be away
      }
    });
    return async () => {
      isOver = true;
      await Promise.all(sending);
    };
  }

  /** How many messages have been handled. */
  get handled(): number {
    return new Set(this.stage.ledger.idsOf('end')).size;
  }

  /** Waits until so many more have been handled. */
  async goesOn(more: number): Promise<void> {
    const before = this.handled;
    await eventually(() => expect(this.handled).toBeGreaterThanOrEqual(before + more), WITHIN_MS);
  }

  /**
   * Waits until all have come home, and expects that order and limit held, and that nothing is counted that is not there.
   * @param free since when the places of processes that are gone count as free
   * @param unordered a key whose order somebody else has broken
   */
  async expectKept(free: FreePlaces = this.#freeOfGone(), unordered?: string): Promise<void> {
    const { admin, stage } = this;
    await stage.untilAllHome(WITHIN_MS);
    await this.#untilGoneAreForgotten();
    const entries = stage.entries();
    const broken = disorder(entries, WORK_MS, new Set(free.keys()));
    expect(broken.filter((what) => !what.startsWith(`${unordered}-`))).toEqual([]);
    expect(mostAtOnce(entries, free)).toBeLessThanOrEqual(RUNNING);
    const dump = await stage.dump();
    expectTrueCounts(dump);
    expect([dump.lanes.size, dump.levels.size, dump.out.size]).toEqual([0, 0, 0]);
    const { wrong, inLanes } = await eventually(() => admin.checkLanes(stage.queue));
    expect([wrong, inLanes]).toEqual([[], { counted: 0, there: 0 }]);
    const mostDuplicates = idsOf(entries, 'threw').length + RUNNING * free.size;
    await stage.balance(mostDuplicates);
  }

  /** Expects that no place was lost or won: as many run as may and no more, and as many wait as may. */
  async expectAllPlaces(): Promise<void> {
    // What waits would leave no room.
    await this.stage.untilAllHome(WITHIN_MS);
    const ids = Array.from({ length: RUNNING + MAX_LENGTH + 1 }, () => `held ${(this.#held += 1)}`);
    for (const [priority, id] of ids.entries()) {
      const [result] = await this.stage.send({ id, key: id, priority, holds: true });
      expect(result).toBe(priority < RUNNING + MAX_LENGTH ? 'confirmed' : 'rejected');
      await this.#expectRunning(ids, priority + 1);
    }
    await eventually(() => {
      for (const consumer of this.consumers) consumer.letGoOnce();
      const ended = this.stage.ledger.idsOf('end').filter((id) => ids.includes(id));
      expect(ended).toHaveLength(RUNNING + MAX_LENGTH);
    }, WITHIN_MS);
    await this.stage.untilAllHome(WITHIN_MS);
  }

  /** A consumer that was waiting may take one more than may run, and puts it back. */
  async #expectRunning(ids: readonly string[], sent: number): Promise<void> {
    const running = Math.min(RUNNING, sent);
    await eventually(async () => {
      const started = this.stage.ledger.idsOf('start').filter((id) => ids.includes(id));
      expect(started).toHaveLength(running);
      const { length } = waitingIn(await this.stage.dump());
      expect(length).toBe(Math.min(MAX_LENGTH, sent - running));
    }, WITHIN_MS);
  }

  /** One that held nothing when it died leaves nothing behind that would have to come home. */
  async #untilGoneAreForgotten(): Promise<void> {
    const { admin, consumers, stage } = this;
    await eventually(async () => {
      expect((await admin.lengths(stage.queue)).consumers).toBe(consumers.length);
    }, WITHIN_MS);
  }

  /** The processes that have ended, or lost a lease: what these ran does not count. */
  #freeOfGone(): FreePlaces {
    const isGone = (one: ConsumerProcess): boolean =>
      !this.consumers.includes(one) || one.output.includes('Lost the lease');
    return new Map(this.stage.processes.filter(isGone).map(({ pid }) => [pid, -Infinity]));
  }
}
