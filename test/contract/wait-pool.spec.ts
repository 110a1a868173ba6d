import { beforeEach, describe, expect, test } from '@jest/globals';
import { findFreePort } from 'local-redis';
import { connectionSource } from '../../libs/redis-queue-transport/src/redis/address/connection-source.js';
import { OpenConnections } from '../../libs/redis-queue-transport/src/redis/connection/open-connections.js';
import { WaitPool } from '../../libs/redis-queue-transport/src/redis/waiting/wait-pool.js';
import type { Waiter } from '../../libs/redis-queue-transport/src/redis/waiting/wait-pool.js';
import { redisRig } from '../support/redis-rig.js';

const rig = redisRig();

const WAIT_MS = 1_000;
const MOST = 2;

/** A consumer as the pool sees it. */
class TestWaiter implements Waiter {
  readonly list = 'list';
  isBlocking = false;
  isAsleep = false;
  /** How often it was told to wait in another way. */
  ends = 0;

  constructor(readonly waitMs = WAIT_MS) {}

  endWait(): void {
    this.ends += 1;
    this.isAsleep = false;
  }

  asleep(): this {
    this.isAsleep = true;
    return this;
  }
}

let connections: OpenConnections;
let pool: WaitPool;

beforeEach(() => {
  const source = connectionSource(rig.connection);
  connections = rig.closeLater(new OpenConnections(source, 'rq-test', () => undefined));
  pool = new WaitPool(connections, MOST);
});

/** Consumers that hold all connections, and block on them. */
async function holders(): Promise<[TestWaiter, TestWaiter]> {
  const both: [TestWaiter, TestWaiter] = [new TestWaiter(), new TestWaiter()];
  for (const one of both) {
    await pool.open(one, 10_000);
    one.isBlocking = true;
  }
  return both;
}

async function sleeper(waitMs = WAIT_MS): Promise<TestWaiter> {
  const one = new TestWaiter(waitMs).asleep();
  await pool.open(one, 10_000);
  return one;
}

function gets(waiter: Waiter, messages: number): void {
  for (let n = 0; n < messages; n += 1) pool.count(waiter);
}

describe('the blocking connections of a process', () => {
  test('go to the first consumers, one each, and the others sleep', async () => {
    expect(pool.hasRoom).toBe(true);
    const [one, other] = await holders();

    expect(pool.hasRoom).toBe(false);
    expect(pool.connectionOf(one)).not.toBe(pool.connectionOf(other));
    expect(pool.connectionOf(await sleeper())).toBeUndefined();
    expect(connections.health).toHaveLength(MOST);
  });

  test('go to a sleeper that is clearly busier, once the less busy holder no longer uses it', async () => {
    const [idle, busy] = await holders();
    const riser = await sleeper();
    const connection = pool.connectionOf(idle);
    gets(busy, 10);

    gets(riser, 2);
    expect(idle.ends).toBe(0);
    gets(riser, 2);
    expect([idle.ends, busy.ends]).toEqual([1, 0]);
    expect(pool.connectionOf(riser)).toBeUndefined();

    idle.isBlocking = false;
    pool.ended(idle);

    expect([riser.ends, pool.connectionOf(riser) === connection]).toEqual([1, true]);
    expect(pool.connectionOf(idle)).toBeUndefined();
  });

  test('do not go back and forth between consumers that are as busy', async () => {
    const [one, other] = await holders();
    const third = await sleeper();
    for (let round = 0; round < 20; round += 1)
      for (const each of [one, other, third]) gets(each, 1);

    expect([one.ends, other.ends, third.ends]).toEqual([0, 0, 0]);
  });

  test('go to the busiest sleeper when a holder leaves, and are closed if there is none', async () => {
    const [one, other] = await holders();
    const [lazy, busy] = [await sleeper(), await sleeper()];
    gets(other, 10);
    gets(one, 10);
    gets(busy, 2);
    const connection = pool.connectionOf(one);
    one.isBlocking = false;

    pool.leave(one);
    pool.leave(one);
    expect([busy.ends, lazy.ends]).toEqual([1, 0]);
    expect(pool.connectionOf(busy)).toBe(connection);

    for (const each of [lazy, other, busy]) pool.leave(each);
    expect(connections.health).toEqual([]);
  });

  test('are opened anew for a consumer whose calls last for another time', async () => {
    const [one, other] = await holders();
    gets(other, 10);
    const before = pool.connectionOf(one);
    const longer = await sleeper(3 * WAIT_MS);
    one.isBlocking = false;

    pool.leave(one);

    expect(pool.connectionOf(longer)).toBeDefined();
    expect(pool.connectionOf(longer)).not.toBe(before);
    expect(connections.health).toHaveLength(MOST);
  });

  test('are as many as consumers once nothing else wakes them', async () => {
    await holders();
    const sleepers = [await sleeper(), await sleeper()];

    pool.lift();

    expect(sleepers.map(({ ends }) => ends)).toEqual([1, 1]);
    for (const each of sleepers) expect(pool.connectionOf(each)).toBeDefined();
    expect([connections.health.length, pool.hasRoom]).toEqual([MOST + 2, true]);
  });

  test('are given up by a consumer that cannot get one', async () => {
    const source = connectionSource(`redis://127.0.0.1:${await findFreePort()}`);
    const away = rig.closeLater(new OpenConnections(source, 'rq-test', () => undefined));
    const own = new WaitPool(away, 1);

    await expect(own.open(new TestWaiter(), 0)).rejects.toThrow(/first attempt failed/);

    expect([away.health, own.hasRoom]).toEqual([[], true]);
  });
});
