import { expect, jest, test } from '@jest/globals';
import { getEventListeners } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { connectionSource } from '../../libs/redis-queue-transport/src/redis/address/connection-source.js';
import { OpenConnections } from '../../libs/redis-queue-transport/src/redis/connection/open-connections.js';
import { BlockingWait } from '../../libs/redis-queue-transport/src/redis/waiting/blocking-wait.js';
import { redisRig } from '../support/redis-rig.js';

const rig = redisRig();

const WAITS = 20;
const WAIT_MS = 60_000;
/** With more on one signal, Node warns of a leak. */
const MOST_LISTENERS = 10;
/** Redis is asked to end the waits many times in it. */
const LATE_MS = 200;

test('many waits are ended before their commands were sent, and Node warns of nothing', async () => {
  const listening = jest.spyOn(AbortSignal.prototype, 'addEventListener');
  const source = connectionSource(rig.connection);
  const connections = rig.closeLater(new OpenConnections(source, 'rq-test', () => undefined));
  const commands = connections.open('commands');
  await commands.ready();
  const lists = { waiting: `${rig.prefix}:waiting`, processing: `${rig.prefix}:processing` };
  const late = pause(LATE_MS);

  const waits = Array.from({ length: WAITS }, async () => {
    const wait = new BlockingWait({ commands, lists, takesFrom: 'LEFT', waitMs: WAIT_MS });
    const { signal } = new AbortController();
    const isHeld = (): Promise<boolean> => Promise.resolve(true);
    const keep = (element: Buffer): Promise<Buffer> => Promise.resolve(element);
    const returned = (): Promise<void> => {
      wait.end();
      return late;
    };
    const blocking = connections.openBlocking('wait', 'list', WAIT_MS);
    return wait.take(blocking, { signal, isHeld, returned, keep });
  });

  await pause(LATE_MS / 2);
  const listeners = (listening.mock.contexts as AbortSignal[]).map(
    (signal) => getEventListeners(signal, 'abort').length,
  );
  expect(Math.max(0, ...listeners)).toBeLessThanOrEqual(MOST_LISTENERS);
  expect(await Promise.all(waits)).toEqual(waits.map(() => undefined));
});
