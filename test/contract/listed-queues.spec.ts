import { afterEach, expect, jest, test } from '@jest/globals';
import { connectionSource } from '../../libs/redis-queue-transport/src/redis/address/connection-source.js';
import { OpenConnections } from '../../libs/redis-queue-transport/src/redis/connection/open-connections.js';
import { ListedQueues } from '../../libs/redis-queue-transport/src/redis/queue/listed-queues.js';
import { redisRig } from '../support/redis-rig.js';

const rig = redisRig();
const AGAIN_AFTER_MS = 10 * 60_000;

afterEach(() => {
  jest.restoreAllMocks();
});

test('a queue that was forgotten is listed again with a message ten minutes later', async () => {
  const timers = jest.spyOn(globalThis, 'setTimeout');
  const source = connectionSource(rig.connection);
  const connections = rig.closeLater(new OpenConnections(source, 'rq-test', () => undefined));
  const queues = `${rig.prefix}:queues`;
  const unserved = jest.fn();
  const failures: unknown[] = [];
  const commands = connections.open('commands');
  await commands.ready(10_000);
  const error = (failure: unknown): void => void failures.push(failure);
  const listed = new ListedQueues(commands, { queues }, { unserved, error });
  await listed.add('a');
  await listed.add('b');
  await rig.commands.del(queues);
  expect(failures).toEqual([]);
  expect([listed.has('a'), listed.has('b')]).toEqual([true, true]);

  const late = timers.mock.calls.filter(([, ms]) => ms === AGAIN_AFTER_MS);
  expect(late).toHaveLength(1);
  late[0]?.[0]();

  expect([listed.has('a'), listed.has('b')]).toEqual([false, false]);
  await listed.add('a');
  expect(await rig.commands.hgetall(queues)).toEqual({ a: 'pushed' });
  expect(unserved.mock.calls).toEqual([['a'], ['b']]);
  expect(timers.mock.calls.filter(([, ms]) => ms === AGAIN_AFTER_MS)).toHaveLength(2);
});
