import { describe, expect, test } from '@jest/globals';
import { Controller, Inject, Injectable } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import {
  IncompleteError,
  RedisQueueClient,
  RedisQueueModule,
  RedisRefusedError,
  UnencodableError,
} from 'nestjs-redis-queue-transport';
import type { EmitResult, EnqueueResult, RedisQueueCall } from 'nestjs-redis-queue-transport';
import { isObservable, lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

const NOBODY_LISTENS = /nothing handles the failure/;

describe('await', () => {
  test('of enqueue returns once Redis holds the message', async () => {
    const held: EnqueueResult = await rig.client().enqueue('work', 'a');

    expect(held).toEqual({ id: expect.any(String), isDuplicate: false });
    expect(await rig.queue('work').waiting()).toEqual([expect.stringContaining(held.id)]);
  });

  test('of emit, enqueueMany and emitMany returns what a subscriber gets', async () => {
    const client = rig.client();

    const emitted: EmitResult = await client.emit('happened', 1);
    const many: EnqueueResult[] = await client.enqueueMany('work', [1, 2]);
    const emittedMany: EmitResult[] = await client.emitMany('happened', [1, 2]);

    expect(emitted).toMatchObject({ groups: 0, listeners: 0 });
    expect([many.length, emittedMany.length]).toEqual([2, 2]);
  });

  test('throws the error of the call, and nothing is logged', async () => {
    const client = rig.client();

    await expect(async () => await client.enqueue('work', 1n)).rejects.toThrow(UnencodableError);
    await expect(async () => await client.emit('work', 1n)).rejects.toThrow(UnencodableError);
    await expect(async () => await client.enqueueMany('work', [1n])).rejects.toThrow(
      IncompleteError,
    );
    await expect(Promise.all([client.enqueue('work', undefined)])).rejects.toThrow(/invalid data/);
    await rig.commands.set(`${rig.prefix}:{taken}:waiting`, 'a text');
    await expect(async () => await client.enqueue('taken', 1)).rejects.toThrow(RedisRefusedError);

    expect(rig.logs.matching('error', NOBODY_LISTENS)).toEqual([]);
  });

  test('has its failure logged if nobody awaits it', async () => {
    const call: RedisQueueCall<EnqueueResult> = rig.client().enqueue('work', 1n);

    await eventually(() => expect(rig.logs.matching('error', NOBODY_LISTENS)).toHaveLength(1));
    await expect(async () => await call).rejects.toThrow(UnencodableError);
  });
});

test('is still an Observable for Nest, which waits for it if a handler returns it', async () => {
  @Injectable()
  class Forwarder {
    constructor(@Inject(RedisQueueClient) private readonly client: RedisQueueClient) {}

    forward(data: unknown): RedisQueueCall<EnqueueResult> {
      return this.client.enqueue('next', data);
    }
  }
  @Controller()
  class ForwardController {
    constructor(@Inject(Forwarder) private readonly forwarder: Forwarder) {}

    @MessagePattern('plain')
    plain(@Payload() data: unknown): RedisQueueCall<EnqueueResult> {
      return this.forwarder.forward(data);
    }

    @MessagePattern('async')
    async async(@Payload() data: unknown): Promise<EnqueueResult> {
      return this.forwarder.forward(data);
    }
  }
  await rig.serve({
    imports: [RedisQueueModule.register(rig.clientOptions())],
    controllers: [ForwardController],
    providers: [Forwarder],
  });
  const client = rig.client();

  expect(isObservable(client.enqueue('next', 0))).toBe(true);
  for (const pattern of ['plain', 'async']) {
    expect(await lastValueFrom(client.send<unknown>(pattern, pattern))).toEqual({
      id: expect.any(String),
      isDuplicate: false,
    });
  }
  await eventually(async () => expect(await rig.queue('next').waiting()).toHaveLength(3));
});

test('send is not a promise: it asks once it is subscribed to', () => {
  expect('then' in rig.client().send('work', 1)).toBe(false);
});
