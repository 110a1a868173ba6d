import { describe, expect, test } from '@jest/globals';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type { ConsumerOptions } from '../../libs/redis-queue-transport/src/core/consumer/consumer-parts.js';
import { encodeElement } from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import { eventually } from '../support/eventually.js';
import { Proxy } from '../support/proxy.js';
import type { Match } from '../support/proxy.js';
import { heldIn } from '../support/queue-dump.js';
import { redisRig } from '../support/redis-rig.js';
import { QUEUE, Stage, consumerContract } from './consumer.contract.js';
import { counts, element } from './elements.js';
import { RedisWorld } from './redis-world.js';

const rig = redisRig();
const world = new RedisWorld(rig);

/** The script that looks up whether a message was handled. */
const isHandledQuestion: Match = (words) =>
  words[2] === '1' && words[3]?.endsWith(':handled') === true;

async function start(broker: Broker, options: Partial<ConsumerOptions> = {}): Promise<Stage> {
  const stage = new Stage(world, broker, options);
  await stage.consumer.start();
  return stage;
}

describe('on Redis', () => {
  consumerContract(world);
});

describe('a consumer that waits for an answer of Redis', () => {
  test('hands back unchanged what it was still preparing to start when it was drained', async () => {
    const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
    const late = proxy.holdReply(isHandledQuestion);
    await (await world.open()).push(QUEUE, 'a', element('a'));
    const broker = await world.open(proxy.url);
    const stage = await start(broker, { onceMs: 60_000 });
    await late.happened;
    stage.consumer.drain();
    late.release();
    await eventually(async () => {
      const dump = await world.dump(QUEUE);
      expect([heldIn(dump), counts(dump.waiting)]).toEqual([0, ['a 1/0']]);
    });
    expect(stage.started).toEqual([]);
  });

  test('does not start a message that expired while Redis was asked for its body', async () => {
    const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
    const broker = await world.open(proxy.url);
    const late = proxy.holdReply(([name]) => name === 'hget');
    const expiresAtMs = broker.nowMs() + 3_000;
    const parked = encodeElement({ id: 'a', sentAtMs: 1, expiresAtMs }, 'x'.repeat(200_000));
    await broker.push(QUEUE, 'a', parked);
    const stage = await start(broker);
    await late.happened;
    await eventually(() => expect(broker.nowMs()).toBeGreaterThan(expiresAtMs));
    late.release();
    await eventually(async () => expect((await world.dump(QUEUE)).expired).toBe(1));
    expect(stage.started).toEqual([]);
    const dump = await world.dump(QUEUE);
    expect([heldIn(dump), dump.parked]).toEqual([0, []]);
  });

  test('does not start a message that expired while Redis was asked whether it was handled', async () => {
    const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
    const late = proxy.holdReply(isHandledQuestion);
    const broker = await world.open(proxy.url);
    const stage = await start(broker, { onceMs: 60_000 });
    const expiresAtMs = broker.nowMs() + 1_000;
    await world.pushForeign(QUEUE, `{"rq":1,"id":"late","at":1,"expiresAt":${expiresAtMs}}\n{}`);
    await late.happened;
    await eventually(() => expect(broker.nowMs()).toBeGreaterThan(expiresAtMs));
    late.release();
    await eventually(async () => expect((await world.dump(QUEUE)).expired).toBe(1));
    expect(stage.started).toEqual([]);
  });
});
