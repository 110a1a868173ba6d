import { expect, test } from '@jest/globals';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import { eventually } from '../support/eventually.js';
import { heldIn, queueKey } from '../support/queue-dump.js';
import { redisRig } from '../support/redis-rig.js';
import { FaultStage } from './fault-stage.js';

const rig = redisRig();

const GARBAGE = ['', 'not JSON', '{"rq":1,"id":', Buffer.from([0xff, 0x00, 0x0a])];

test('elements put by hand into processing, delayed and dead are dead-lettered or shown, and the loop goes on', async () => {
  const stage = await FaultStage.open(rig);
  await stage.startConsumer();
  const key = (what: string): string => queueKey(rig.prefix, stage.queue, what);
  const [consumer = ''] = await rig.commands.zrange(key('consumers'), '0', '-1');
  await rig.commands.rpush(key(`processing:${consumer}`), ...GARBAGE);
  for (const element of GARBAGE) await rig.commands.zadd(key('delayed'), 1, element);
  await rig.commands.xadd(key('dead'), '*', 'other', 'field');
  await rig.commands.xadd(key('dead'), '*', 'element', 'not one of our dead letters');

  await stage.send({ id: 'good' });
  await eventually(() => expect(stage.ledger.idsOf('end')).toEqual(['good']));
  await eventually(async () => {
    const dump = await stage.dump();
    expect([dump.waiting.length + dump.suspects.length, dump.delayed.length, heldIn(dump)]).toEqual(
      [0, 0, 0],
    );
    expect(dump.dead).toHaveLength(GARBAGE.length * 2 + 2);
  }, 20_000);

  const admin = rig.closeLater(
    new RedisQueueAdmin({ connection: rig.connection, prefix: rig.prefix }),
  );
  const { letters } = await admin.deadLetters(stage.queue);
  expect(letters.filter(({ reason }) => reason === 'undecodable')).toHaveLength(GARBAGE.length * 2);
  expect(letters.filter(({ reason }) => reason === 'unknown').length).toBeGreaterThanOrEqual(1);
}, 60_000);
