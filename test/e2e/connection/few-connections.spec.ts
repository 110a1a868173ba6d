import { describe, expect, jest, test } from '@jest/globals';
import { RedisQueueServer } from 'nestjs-redis-queue-transport';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../../support/eventually.js';
import { Monitor } from '../../support/monitor.js';
import { nestRig } from '../../support/nest-rig.js';

jest.setTimeout(120_000);

const rig = nestRig();

/** Serves messages and durable events. */
async function serve(
  messages: number,
  events: number,
  handled: string[] = [],
): Promise<RedisQueueServer> {
  const { prefix } = rig;
  const server = new RedisQueueServer({ connection: rig.redis.url, prefix, group: 'g' });
  const add = (name: string, isEvent: boolean): void =>
    server.addHandler(
      name,
      () => {
        handled.push(name);
        return Promise.resolve();
      },
      isEvent,
      isEvent ? { durable: true } : {},
    );
  for (let index = 0; index < messages; index += 1) add(`m${index}`, false);
  for (let index = 0; index < events; index += 1) add(`e${index}`, true);
  const failure = await new Promise((resolve) => {
    server.listen(resolve);
  });
  expect(failure).toBeUndefined();
  rig.closeLater(server);
  return server;
}

/** By role. */
async function connections(): Promise<string[]> {
  const clients = String(await rig.commands.client('LIST'));
  return [...clients.matchAll(/ name=rq-(\w+)-/g)].map(([, role = '']) => role).sort();
}

describe('a server with fifty handlers', () => {
  test('has four connections, and sends about one command a second while nothing happens', async () => {
    await serve(30, 20);
    expect(await connections()).toEqual(['commands', 'events', 'wait', 'wait']);

    // Until all of them sleep and have renewed their lease once.
    await eventually(async () => {
      const asleep = await rig.commands.keys(`${rig.prefix}:*:sleepers`);
      expect(asleep).toHaveLength(48);
    });
    await pause(12_000);
    let commands = 0;
    const monitor = await Monitor.start(rig.redis.port, ({ source }) => {
      if (source !== 'lua') commands += 1;
    });
    const SECONDS = 20;
    await pause(SECONDS * 1_000);
    await monitor.close();
    expect(commands / SECONDS).toBeLessThanOrEqual(1);
    expect(await connections()).toEqual(['commands', 'events', 'wait', 'wait']);
  });

  test('handles messages of every queue, and events of every group', async () => {
    const handled: string[] = [];
    await serve(30, 20, handled);
    const client = rig.client();
    const names = Array.from({ length: 30 }, (_, index) => `m${index}`);
    const events = Array.from({ length: 20 }, (_, index) => `e${index}`);
    for (let round = 1; round <= 3; round += 1) {
      await Promise.all([
        ...names.map((name) => client.enqueue(name, 1)),
        ...events.map((name) => client.emit(name, 1)),
      ]);
      await eventually(() => expect(handled).toHaveLength(50 * round));
    }
    expect(new Set(handled).size).toBe(50);
    expect(await connections()).toHaveLength(5);
  });

  test('lets a queue block that is busier than those that do', async () => {
    const handled: string[] = [];
    await serve(4, 0, handled);
    const client = rig.client();
    for (let sent = 1; sent <= 40; sent += 1) {
      await client.enqueue(`m${sent % 2 === 0 ? 2 : 3}`, 1);
      await eventually(() => expect(handled).toHaveLength(sent));
    }
    await eventually(async () => {
      const asleep = await rig.commands.keys(`${rig.prefix}:*:sleepers`);
      expect(asleep.sort()).toEqual([`${rig.prefix}:{m0}:sleepers`, `${rig.prefix}:{m1}:sleepers`]);
    });
  });
});
