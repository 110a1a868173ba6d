import { expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { Ctx, Payload, Transport } from '@nestjs/microservices';
import type { CustomStrategy, MicroserviceOptions } from '@nestjs/microservices';
import { findFreePort } from 'local-redis';
import {
  RedisQueueContext,
  RedisQueueEvent,
  RedisQueueMessage,
} from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

test("the library's own decorators serve messages, live and durable events, by this transport alone", async () => {
  const heard: string[] = [];
  @Controller()
  class OwnController {
    @RedisQueueMessage({ cmd: 'sum' }, { concurrency: 1 })
    sum(@Payload() numbers: number[]): number {
      return numbers.reduce((a, b) => a + b, 0);
    }

    @RedisQueueEvent('order.*')
    live(@Ctx() context: RedisQueueContext): void {
      heard.push(`live ${context.getPattern()}`);
    }

    @RedisQueueEvent('order.placed', { durable: true, retry: { attempts: 2, delayMs: 0 } })
    durable(@Ctx() context: RedisQueueContext): void {
      heard.push(`durable ${context.getAttempt()}`);
      if (context.getAttempt() === 1) throw new Error('once more');
    }
  }
  const app = await rig.application({ controllers: [OwnController] });
  const tcp = app.connectMicroservice<MicroserviceOptions>({
    transport: Transport.TCP,
    options: { port: await findFreePort() },
  });
  app.connectMicroservice<CustomStrategy>({ strategy: rig.strategy({ group: 'shop' }) });
  await app.startAllMicroservices();
  const client = rig.client();

  expect(await lastValueFrom(client.send({ cmd: 'sum' }, [1, 2, 3]))).toBe(6);
  await client.emit('order.placed', {});

  await eventually(() =>
    expect(heard.toSorted()).toEqual(['durable 1', 'durable 2', 'live order.placed']),
  );
  const { getTransportServer } = tcp as unknown as {
    getTransportServer(): { getHandlers(): Map<string, unknown> };
  };
  expect(getTransportServer.call(tcp).getHandlers().size).toBe(0);
});
