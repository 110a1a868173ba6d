import { expect, jest, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import type { INestMicroservice } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

const COUNT = 600;
/** As long as the test may take, since slow on a busy machine is not unanswered. */
const PATIENT = { requestTimeoutMs: 60_000 };

jest.setTimeout(60_000);

test('with three instances, one of which closes in the middle, every request is answered exactly once', async () => {
  const handledBy = new Map<number, string[]>();
  const apps = new Map<string, INestMicroservice>();
  for (const name of ['first', 'second', 'third']) {
    @Controller()
    class ReplicaController {
      @MessagePattern('replica')
      async handle(number: number): Promise<number> {
        handledBy.set(number, [...(handledBy.get(number) ?? []), name]);
        await new Promise(setImmediate);
        return number;
      }
    }
    apps.set(name, await rig.serve({ controllers: [ReplicaController] }, { concurrency: 5 }));
  }
  const client = rig.client(PATIENT);
  const numbers = Array.from({ length: COUNT }, (_, index) => index);

  const answers = numbers.map((number) => lastValueFrom(client.send<number>('replica', number)));
  await eventually(() => expect(handledBy.size).toBeGreaterThan(50));
  const sizeAtClose = handledBy.size;
  await apps.get('second')!.close();
  const handledAtClose = [...handledBy.values()].filter(([name]) => name === 'second').length;

  expect(sizeAtClose).toBeLessThan(COUNT);
  expect(await Promise.all(answers)).toEqual(numbers);
  expect([...handledBy.values()].filter((names) => names.length !== 1)).toEqual([]);
  expect(handledBy.size).toBe(COUNT);
  const handledAtEnd = [...handledBy.values()].filter(([name]) => name === 'second').length;
  expect(handledAtEnd).toBe(handledAtClose);
  await eventually(async () => expect(await rig.queue('replica').held()).toBe(0));
});

test('while instances come and go again and again, nothing enqueued is lost or repeated', async () => {
  const handled: number[] = [];
  @Controller()
  class RelayController {
    @MessagePattern('relay', { concurrency: 3 })
    async handle(number: number): Promise<void> {
      handled.push(number);
      await new Promise(setImmediate);
    }
  }
  const client = rig.client();
  let sent = 0;
  const sendSome = async (): Promise<void> => {
    for (let n = 0; n < 20; n += 1) await lastValueFrom(client.enqueue('relay', sent++));
  };

  let current = await rig.serve({ controllers: [RelayController] });
  for (let round = 0; round < 10; round += 1) {
    const next = rig.serve({ controllers: [RelayController] });
    await Promise.all([sendSome(), current.close()]);
    current = await next;
  }

  await eventually(() => expect(handled).toHaveLength(sent));
  expect(handled.sort((a, b) => a - b)).toEqual(Array.from({ length: sent }, (_, index) => index));
});
