import { expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  MessageHeaders,
  MessageId,
  RedisQueueEvent,
  RedisQueueMessage,
  RedisQueueRecordBuilder,
} from 'nestjs-redis-queue-transport';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

test('a handler gets id, headers and one header of its message as parameters', async () => {
  const got: unknown[][] = [];
  @Controller()
  class ParameterController {
    @RedisQueueMessage('message')
    message(
      @Payload() data: unknown,
      @MessageId() id: string,
      @MessageHeaders() headers: Record<string, string>,
      @MessageHeaders('tenant') tenant: string,
      @MessageHeaders('missing') missing: string | undefined,
    ): void {
      got.push([data, id, headers, tenant, missing]);
    }

    @RedisQueueEvent('event')
    event(@MessageId() id: string, @MessageHeaders('tenant') tenant: string): void {
      got.push([id, tenant]);
    }

    @RedisQueueMessage('batch', { batch: { size: 2, waitMs: 60_000 } })
    batch(@MessageId() ids: string[], @MessageHeaders('tenant') tenants: string[]): void {
      got.push([ids, tenants]);
    }
  }
  await rig.serve({ controllers: [ParameterController] });
  const client = rig.client();
  const record = (id: string, tenant: string) =>
    new RedisQueueRecordBuilder({ n: 1 }).id(id).headers({ tenant }).build();

  await client.enqueue('message', record('m-1', 'acme'));
  await eventually(() =>
    expect(got).toEqual([[{ n: 1 }, 'm-1', { tenant: 'acme' }, 'acme', undefined]]),
  );
  await client.emit('event', record('e-1', 'acme'));
  await eventually(() => expect(got[1]).toEqual(['e-1', 'acme']));
  await client.enqueueMany('batch', [record('b-1', 'acme'), record('b-2', 'umbrella')]);
  await eventually(() =>
    expect(got[2]).toEqual([
      ['b-1', 'b-2'],
      ['acme', 'umbrella'],
    ]),
  );
});
