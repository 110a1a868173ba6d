import { Controller } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { expect, test } from '@jest/globals';
import { RedisQueueServer } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../support/eventually.js';
import { nestRig } from '../support/nest-rig.js';
import { Proxy } from '../support/proxy.js';

const rig = nestRig({ settings: { 'client-output-buffer-limit': 'pubsub 64kb 32kb 1' } });

test('a subscriber that Redis cuts off for being slow notices, counts it, and listens again', async () => {
  const heard: string[] = [];

  @Controller()
  class Listener {
    @EventPattern<string>('news')
    hear(@Payload() { name }: { name: string }): void {
      heard.push(name);
    }
  }

  const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
  const strategy = new RedisQueueServer(rig.serverOptions({ connection: proxy.url }));
  const interruptions: number[] = [];
  strategy.on('eventsInterrupted', (times) => interruptions.push(times));
  const app = await rig.microservice({ controllers: [Listener] }, strategy);
  await app.listen();
  const client = rig.client();
  await lastValueFrom(client.emit('news', { name: 'before' }), { defaultValue: undefined });
  await eventually(() => expect(heard).toEqual(['before']));

  const isEvents = (connection: string): boolean => connection.startsWith('rq-events-');
  const slow = proxy.stopReading(isEvents);
  expect(slow.links).toBe(1);
  const padding = 'x'.repeat(100_000);
  await eventually(async () => {
    await lastValueFrom(client.emit('news', { name: 'missed', padding }), {
      defaultValue: undefined,
    });
    expect((await rig.connections()).filter(isEvents)).toEqual([]);
  }, 30_000);
  slow.goOn();
  await eventually(() => expect(interruptions).toEqual([1]));
  expect(rig.logs.matching('warn', /cut off from live events.*1 times/)).toHaveLength(1);

  await eventually(async () => {
    await lastValueFrom(client.emit('news', { name: 'after' }), { defaultValue: undefined });
    expect(heard).toContain('after');
  });
}, 60_000);
