import { describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import type { RedisQueueEventOptions } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

/** Handlers of all kinds, with a count. Each waits at a gate. */
class Crowd {
  readonly gate = new Gate();
  readonly started: string[] = [];
  ended = 0;
  running = 0;
  most = 0;

  async enter(name: string): Promise<string> {
    this.started.push(name);
    this.running += 1;
    this.most = Math.max(this.most, this.running);
    await this.gate.opened;
    // Some turns of the event loop, so that others could begin beside it.
    for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
    this.running -= 1;
    this.ended += 1;
    return name;
  }
}

function crowdController(crowd: Crowd, options: RedisQueueEventOptions = {}): Type {
  @Controller()
  class CrowdController {
    @MessagePattern('a', options)
    a(): Promise<string> {
      return crowd.enter('a');
    }

    @MessagePattern('b', options)
    b(): Promise<string> {
      return crowd.enter('b');
    }

    @EventPattern<string>('durable', { group: 'crowd', ...options })
    durable(): Promise<string> {
      return crowd.enter('durable');
    }

    @EventPattern<string>('live')
    live(): Promise<string> {
      return crowd.enter('live');
    }

    @MessagePattern('batch', { batch: { size: 5 } })
    batch(data: readonly unknown[]): Promise<string> {
      return crowd.enter(`batch of ${data.length}`);
    }
  }
  return CrowdController;
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe('maxConcurrency', () => {
  test('bounds what runs in a server, of each kind, and nothing is left over', async () => {
    const crowd = new Crowd();
    await rig.serve({ controllers: [crowdController(crowd)] }, { maxConcurrency: 4 });
    const client = rig.client();
    await lastValueFrom(client.enqueueMany('a', numbers(30)));
    await lastValueFrom(client.enqueueMany('b', numbers(30)));
    await lastValueFrom(client.emitMany('durable', numbers(30)));
    await lastValueFrom(client.emitMany('live', numbers(30)));
    await lastValueFrom(client.enqueueMany('batch', numbers(30)));
    await eventually(() => expect(crowd.running).toBe(4));
    crowd.gate.open();

    await eventually(() => {
      const batched = crowd.started
        .filter((name) => name.startsWith('batch'))
        .reduce((sum, name) => sum + Number(name.split(' ').at(-1)), 0);
      const others = crowd.started.filter((name) => !name.startsWith('batch'));
      expect([batched, others.length]).toEqual([30, 120]);
      expect(crowd.running).toBe(0);
    });
    expect(crowd.most).toBe(4);
    for (const queue of ['a', 'b', '@crowd/durable', 'batch'])
      await eventually(async () => expect(await rig.queue(queue).held()).toBe(0));
  });

  test('takes no more from a queue than can start, except one message for each idle queue', async () => {
    const crowd = new Crowd();
    await rig.serve({ controllers: [crowdController(crowd)] }, { maxConcurrency: 4 });
    const client = rig.client();
    await lastValueFrom(client.enqueueMany('a', numbers(30)));
    await eventually(() => expect(crowd.running).toBe(4));

    await lastValueFrom(client.enqueueMany('b', numbers(30)));

    await eventually(async () => expect(await rig.queue('b').held()).toBe(1));
    expect(await rig.queue('a').held()).toBeLessThanOrEqual(5);
    crowd.gate.open();
    await eventually(() => expect(crowd.ended).toBe(60));
  });

  test('gives each queue its turn, no matter how full another one is', async () => {
    const crowd = new Crowd();
    await rig.serve({ controllers: [crowdController(crowd)] }, { maxConcurrency: 2 });
    const client = rig.client();
    await lastValueFrom(client.enqueueMany('a', numbers(500)));
    await eventually(() => expect(crowd.running).toBe(2));
    await lastValueFrom(client.enqueueMany('b', numbers(20)));
    await lastValueFrom(client.emitMany('live', numbers(20)));
    await lastValueFrom(client.emitMany('durable', numbers(20)));
    await lastValueFrom(client.enqueueMany('batch', numbers(20)));

    crowd.gate.open();

    await eventually(() => expect(crowd.running).toBe(0));
    await eventually(() => expect(crowd.started.filter((name) => name === 'a')).toHaveLength(500));
    const lastOfOthers = crowd.started.findLastIndex((name) => name !== 'a');
    expect(crowd.started.filter((name) => name === 'b')).toHaveLength(20);
    expect(lastOfOthers).toBeLessThan(300);
  });

  test('of one, with prefetch, lets no message wait forever', async () => {
    const crowd = new Crowd();
    const options = { concurrency: 1, prefetch: 50 };
    await rig.serve({ controllers: [crowdController(crowd, options)] }, { maxConcurrency: 1 });
    const client = rig.client();

    await lastValueFrom(client.enqueueMany('a', numbers(100)));
    await lastValueFrom(client.enqueueMany('b', numbers(100)));
    await lastValueFrom(client.emitMany('durable', numbers(100)));
    await eventually(async () => expect(await rig.queue('b').held()).toBeGreaterThan(0));
    crowd.gate.open();

    await eventually(() => expect(crowd.ended).toBe(300));
    expect(crowd.most).toBe(1);
    const firstOfB = crowd.started.indexOf('b');
    expect(firstOfB).toBeLessThan(20);
  });

  test('does not hold up another server, and frees its places when a handler times out', async () => {
    const crowd = new Crowd();
    await rig.serve(
      { controllers: [crowdController(crowd, { timeoutMs: 20, retry: { attempts: 1 } })] },
      { maxConcurrency: 1 },
    );
    const client = rig.client();

    await lastValueFrom(client.enqueueMany('a', numbers(3)));
    await lastValueFrom(client.enqueueMany('b', numbers(3)));

    await eventually(async () => {
      expect(crowd.started).toHaveLength(6);
      expect(await rig.queue('a').held()).toBe(0);
    });
    crowd.gate.open();
    await eventually(() => expect(crowd.running).toBe(0));
  });
});
