import { describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

/** Handlers that wait at a gate, with a count. */
class Crowd {
  readonly gate = new Gate();
  readonly started: unknown[] = [];
  running = 0;
  most = 0;

  async enter(data: unknown): Promise<void> {
    this.started.push(data);
    this.running += 1;
    this.most = Math.max(this.most, this.running);
    await this.gate.opened;
    this.running -= 1;
  }
}

function crowdController(crowd: Crowd, extras: Record<string, unknown>): Type {
  @Controller()
  class CrowdController {
    @MessagePattern('crowd', extras)
    enter(data: unknown): Promise<void> {
      return crowd.enter(data);
    }
  }
  return CrowdController;
}

async function fill(pattern: string, count: number): Promise<number[]> {
  const client = rig.client();
  const numbers = Array.from({ length: count }, (_, index) => index);
  for (const number of numbers) await lastValueFrom(client.enqueue(pattern, number));
  return numbers;
}

describe('concurrency', () => {
  test.each([
    ['of the handler', { concurrency: 2 }, {}, 2],
    ['of the server', {}, { concurrency: 3 }, 3],
    [
      'of the handler, which takes precedence over that of the server',
      { concurrency: 2 },
      { concurrency: 4 },
      2,
    ],
  ])('%s bounds what runs, and what is taken', async (_, extras, options, bound) => {
    const crowd = new Crowd();
    await rig.serve({ controllers: [crowdController(crowd, extras)] }, options);
    await fill('crowd', 10);

    await eventually(() => expect(crowd.running).toBe(bound));
    expect(await rig.queue('crowd').held()).toBe(bound);
    expect(await rig.queue('crowd').waiting()).toHaveLength(10 - bound);
    crowd.gate.open();

    await eventually(() => expect(crowd.started).toHaveLength(10));
    expect(crowd.most).toBe(bound);
    await eventually(async () => expect(await rig.queue('crowd').held()).toBe(0));
  });

  test('is 100 by default', async () => {
    const crowd = new Crowd();
    await rig.serve({ controllers: [crowdController(crowd, {})] });
    await fill('crowd', 110);

    await eventually(() => expect(crowd.running).toBe(100));
    expect(await rig.queue('crowd').waiting()).toHaveLength(10);
    crowd.gate.open();

    await eventually(() => expect(crowd.started).toHaveLength(110));
  });

  test('of 1 keeps the order, no matter how long each message takes', async () => {
    const begun: number[] = [];
    const ended: number[] = [];
    @Controller()
    class OrderedController {
      @MessagePattern('ordered', { concurrency: 1 })
      async handle(number: number): Promise<void> {
        begun.push(number);
        // The earlier ones take longer, so side by side they would end in another order.
        for (let turn = number; turn < 30; turn += 1) await new Promise(setImmediate);
        ended.push(number);
      }
    }
    await rig.serve({ controllers: [OrderedController] });

    const numbers = await fill('ordered', 30);

    await eventually(() => expect(ended).toHaveLength(30));
    expect(begun).toEqual(numbers);
    expect(ended).toEqual(numbers);
  });

  test('that is used up by one pattern does not affect others', async () => {
    const crowd = new Crowd();
    @Controller()
    class FreeController {
      @MessagePattern('free')
      free(data: unknown): unknown {
        return data;
      }
    }
    await rig.serve(
      { controllers: [crowdController(crowd, {}), FreeController] },
      { concurrency: 1 },
    );
    await fill('crowd', 3);
    await eventually(() => expect(crowd.running).toBe(1));
    const client = rig.client();

    for (const data of [1, 2, 3]) expect(await lastValueFrom(client.send('free', data))).toBe(data);

    expect(crowd.started).toEqual([0]);
    crowd.gate.open();
    await eventually(() => expect(crowd.started).toEqual([0, 1, 2]));
  });

  test('of two servers adds up', async () => {
    const crowd = new Crowd();
    const parts = { controllers: [crowdController(crowd, { concurrency: 2 })] };
    await rig.serve(parts);
    await rig.serve(parts);
    await fill('crowd', 6);

    await eventually(() => expect(crowd.running).toBe(4));
    crowd.gate.open();

    await eventually(() => expect(crowd.started).toHaveLength(6));
    expect(crowd.most).toBe(4);
  });
});
