import { describe, expect, jest, test } from '@jest/globals';
import type { ConsumerProcess } from '../support/consumer-process.js';
import { eventually } from '../support/eventually.js';
import { Proxy } from '../support/proxy.js';
import { redisRig } from '../support/redis-rig.js';
import { SEED, randomNumbers, rounds, timeFor } from '../support/seed.js';
import { FaultStage, LEASE_MS } from './fault-stage.js';

const KILLS = 12;
jest.setTimeout(timeFor(KILLS, 60_000));

const rig = redisRig();

describe('CLIENT KILL and SCRIPT FLUSH', () => {
  test(`of everything at any time leave nothing undone, and nothing done twice (seed ${SEED})`, async () => {
    const random = randomNumbers(SEED);
    const stage = await FaultStage.open(rig);
    await stage.startConsumer({ concurrency: 4 });
    let sent = 0;
    for (let round = 0; round < rounds(KILLS); round += 1) {
      const sending = stage.send(
        ...Array.from({ length: 20 }, () => ({ id: `m${(sent += 1)}`, workMs: random() * 4 })),
      );
      const before = stage.entries().length;
      const many = Math.floor(random() * 25);
      await eventually(() => expect(stage.entries().length).toBeGreaterThanOrEqual(before + many));
      if (random() < 0.7) await killConnections('normal');
      if (random() < 0.5) await killConnections('pubsub');
      if (random() < 0.5) await rig.commands.script('FLUSH');
      await sending;
    }
    await stage.untilAllHome();
    await stage.balance(0);
  });

  test('of an idle consumer leave it able to take messages', async () => {
    const stage = await FaultStage.open(rig);
    await stage.startConsumer();
    for (let round = 0; round < 5; round += 1) {
      await killConnections('normal');
      await rig.commands.script('FLUSH');
      await eventually(() => stage.client.connect());
      await stage.send({ id: `m${round}` });
      await stage.untilAllHome();
    }
    await stage.balance(0);
  });
});

describe('health', () => {
  test.each(['rq-commands', 'rq-wait', 'rq-events'])(
    'is red from a CLIENT KILL of %s until Redis can be reached again, and then messages are taken',
    async (role) => {
      const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
      const stage = await FaultStage.open(rig);
      const consumer = await stage.startConsumer({}, proxy.url);
      await untilUp(consumer);
      await eventually(async () => expect(await idsOf(role)).toHaveLength(1));

      proxy.refuse(true);
      for (const id of await idsOf(role)) await rig.commands.client('KILL', 'ID', id);
      await untilDown(consumer, new RegExp(role));

      proxy.refuse(false);
      await untilUp(consumer);
      await stage.send({ id: 'after' });
      await stage.untilAllHome();
      await stage.balance(0);
    },
  );

  test('is green after a SCRIPT FLUSH: Redis answers, and the scripts are sent again', async () => {
    const stage = await FaultStage.open(rig);
    const consumer = await stage.startConsumer();
    await untilUp(consumer);
    await rig.commands.script('FLUSH');
    await stage.send({ id: 'after' });
    await stage.untilAllHome();
    expect(await consumer.health()).toMatchObject({ status: 'up' });
    await stage.balance(0);
  });

  test('is red while Redis does not answer for longer than the deadline of a wait, and green soon after', async () => {
    const stage = await FaultStage.open(rig);
    const consumer = await stage.startConsumer();
    await stage.send({ id: 'before' });
    await stage.untilAllHome();
    await untilUp(consumer);

    rig.redis.pause();
    try {
      await untilDown(consumer, /rq-wait|rq-commands/);
      // Not only for a moment: the connections that it tries to open meanwhile do not count.
      const end = performance.now() + 2 * LEASE_MS;
      const seen = new Set<string>();
      await eventually(async () => {
        seen.add((await consumer.health()).status);
        expect(performance.now()).toBeGreaterThan(end);
      });
      expect([...seen]).toEqual(['down']);
    } finally {
      rig.redis.resume();
    }
    await untilUp(consumer);
    await stage.send({ id: 'after' });
    await stage.untilAllHome();
    await stage.balance(0);
  });
});

async function untilUp(consumer: ConsumerProcess): Promise<void> {
  await eventually(async () => expect(await consumer.health()).toMatchObject({ status: 'up' }));
}

async function untilDown(consumer: ConsumerProcess, reason: RegExp): Promise<void> {
  await eventually(async () =>
    expect(await consumer.health()).toMatchObject({
      status: 'down',
      reason: expect.stringMatching(reason) as unknown,
    }),
  );
}

/** The connections in this role, by what Redis calls them. */
async function idsOf(role: string): Promise<number[]> {
  const list = String(await rig.commands.client('LIST'));
  return [...list.matchAll(new RegExp(`^id=(\\d+) .* name=${role}`, 'gm'))].map(([, id]) =>
    Number(id),
  );
}

/** All connections except the test's own. */
async function killConnections(type: 'normal' | 'pubsub'): Promise<void> {
  await rig.commands.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
}
