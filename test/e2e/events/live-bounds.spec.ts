import { describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import type { INestMicroservice } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import type { RedisQueueServerOptions } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

interface Told {
  readonly pattern: string;
  readonly dropped: number;
}

class Scene {
  readonly gate = new Gate();
  readonly started: number[] = [];
  readonly told: Told[] = [];
  running = 0;
  marks = 0;
  most = 0;

  constructor(readonly app: Promise<INestMicroservice>) {}
}

/** A server with one live handler that waits at a gate. */
async function serveLive(
  options: RedisQueueServerOptions = {},
  extras: Record<string, unknown> = {},
): Promise<Scene> {
  @Controller()
  class LiveController {
    @EventPattern<string>('happened', extras)
    async onHappened(@Payload() number: number): Promise<void> {
      scene.started.push(number);
      scene.running += 1;
      scene.most = Math.max(scene.most, scene.running);
      await scene.gate.opened;
      scene.running -= 1;
    }

    @EventPattern<string>('marked')
    onMarked(): void {
      scene.marks += 1;
    }
  }
  const server = rig.strategy(options);
  const scene = new Scene(rig.microservice({ controllers: [LiveController] }, server));
  server.on('eventsDropped', (drop) => void scene.told.push(drop));
  await (await scene.app).listen();
  return scene;
}

async function emit(count: number): Promise<number[]> {
  const numbers = Array.from({ length: count }, (_, index) => index);
  await lastValueFrom(rig.client().emitMany('happened', numbers));
  return numbers;
}

/** Events come in the order in which they were emitted. */
async function allCame(scene: Scene): Promise<void> {
  await lastValueFrom(rig.client().emit('marked', {}));
  await eventually(() => expect(scene.marks).toBe(1));
}

describe('live events', () => {
  test.each([
    ['100 by default', {}, {}, 100],
    ["as its server's concurrency says", { concurrency: 7 }, {}, 7],
    ['as its own concurrency says', { concurrency: 7 }, { concurrency: 3 }, 3],
  ])('run no more at once in a handler than %s, and the others wait', async (...given) => {
    const [, options, extras, bound] = given;
    const scene = await serveLive(options, extras);
    const numbers = await emit(250);
    await eventually(() => expect(scene.running).toBe(bound));

    scene.gate.open();

    await eventually(() => expect(scene.started).toHaveLength(250));
    expect(scene.started).toEqual(numbers);
    expect(scene.most).toBe(bound);
    expect(scene.told).toEqual([]);
  });

  test('are dropped if too many wait, which is counted, logged and reported', async () => {
    const scene = await serveLive({ maxWaitingEvents: 20 }, { concurrency: 5 });

    await emit(100);

    await eventually(() => expect(scene.told).toEqual([{ pattern: 'happened', dropped: 75 }]));
    expect(rig.logs.matching('warn', /Dropped 75 live events of "happened".*group/)).toHaveLength(
      1,
    );
    scene.gate.open();
    await eventually(() => expect(scene.started).toHaveLength(25));
    expect(scene.started.at(-1)).toBe(24);
    await emit(3);
    await eventually(() => expect(scene.started).toHaveLength(28));
  });

  test('that are dropped when the server closes are reported too', async () => {
    const scene = await serveLive(
      { maxWaitingEvents: 1, shutdownTimeoutMs: 50 },
      { concurrency: 1 },
    );
    await emit(3);
    await eventually(() => expect(scene.told).toHaveLength(1));
    await emit(2);
    await allCame(scene);

    await (await scene.app).close();
    scene.gate.open();

    await eventually(() =>
      expect(scene.told.reduce((sum, { dropped }) => sum + dropped, 0)).toBeGreaterThanOrEqual(3),
    );
    expect(
      rig.logs.matching('warn', /Dropped 1 live event of "happened" that were still waiting/),
    ).toHaveLength(1);
    expect(scene.started).toHaveLength(1);
  });

  test('that wait when the server closes are handled, since nobody else has them', async () => {
    const scene = await serveLive({}, { concurrency: 1 });
    const numbers = await emit(10);
    await eventually(() => expect(scene.running).toBe(1));
    await allCame(scene);

    const closing = (await scene.app).close();
    scene.gate.open();
    await closing;

    expect(scene.started).toEqual(numbers);
  });
});
