import { describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { interval, lastValueFrom } from 'rxjs';
import type { Observable } from 'rxjs';
import { finalize } from 'rxjs/operators';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { nestRig } from '../../support/nest-rig.js';
import { Stopwatch } from '../../support/stopwatch.js';
import { PingController } from './ping.controller.js';

const rig = nestRig();

const parts = { controllers: [PingController] };

describe('app.close()', () => {
  test('may be called twice, and at the same time', async () => {
    const app = await rig.serve(parts);

    await Promise.all([app.close(), app.close()]);
    await app.close();

    await eventually(async () => expect(await rig.connections()).toEqual([]));
  });

  test('may be called before listen()', async () => {
    const app = await rig.microservice(parts);

    await app.close();
    await app.close();

    expect(await rig.connections()).toEqual([]);
  });

  test('ends a listen() that is under way, no matter when it comes', async () => {
    for (let turns = 0; turns < 60; turns += 1) {
      const server = rig.strategy();
      const app = await rig.microservice(parts, server);
      await app.init();
      const listening = new Promise<unknown>((resolve) => server.listen(resolve));
      for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);

      await app.close();

      const error = await listening;
      if (error !== undefined) expect(error).toBeInstanceOf(Error);
      const check = async (): Promise<void> => expect(await rig.connections()).toEqual([]);
      await eventually(check);
      expect(await rig.commands.keys('*:consumers')).toEqual([]);
    }
  });

  test('waits for running handlers, answers their callers, and starts no others', async () => {
    const begun = new Gate();
    const gate = new Gate();
    const ran: string[] = [];
    @Controller()
    class SlowController {
      @MessagePattern('slow', { concurrency: 1 })
      async slow(name: string): Promise<string> {
        ran.push(name);
        begun.open();
        await gate.opened;
        return `done ${name}`;
      }
    }
    const app = await rig.serve({ controllers: [SlowController] });
    const client = rig.client();
    const answer = lastValueFrom(client.send('slow', 'first'));
    await begun.opened;
    await lastValueFrom(client.enqueue('slow', 'second'));

    const closing = app.close();
    await lastValueFrom(client.enqueue('slow', 'third'));
    gate.open();
    await closing;

    expect(await answer).toBe('done first');
    expect(ran).toEqual(['first']);
    const bodies = (await rig.queue('slow').waiting()).map((element) => element.split('\n')[1]);
    expect(bodies).toEqual(['"second"', '"third"']);
  });

  test('hands back what it holds even if Redis has lost the lease, as after a restart without its data', async () => {
    const closing = new Gate<Promise<void> | void>();
    @Controller()
    class ClosingController {
      @MessagePattern('closing')
      close(): void {
        closing.open(app.close());
      }
    }
    const app = await rig.serve({ controllers: [ClosingController] });
    const isWaiting = /blocked_clients:1/;
    await eventually(async () => expect(await rig.commands.info('clients')).toMatch(isWaiting));
    await rig.commands.flushall();

    await lastValueFrom(rig.client().enqueue('closing', 'after the loss'));
    await closing.opened;

    const queue = rig.queue('closing');
    expect([await queue.held(), (await queue.waiting()).length]).toEqual([0, 1]);
  });

  test('ends a stream that would never end by itself', async () => {
    const ended = new Gate();
    @Controller()
    class TickController {
      @MessagePattern('ticks')
      ticks(): Observable<number> {
        return interval(5).pipe(finalize(() => ended.open()));
      }
    }
    const app = await rig.serve({ controllers: [TickController] }, { shutdownTimeoutMs: 50 });
    const ticks: number[] = [];
    const subscription = rig
      .client()
      .send<number>('ticks', {})
      .subscribe((tick) => ticks.push(tick));
    await eventually(() => expect(ticks.length).toBeGreaterThan(2));

    await app.close();
    subscription.unsubscribe();

    await ended.opened;
    expect(rig.logs.matching('error', /./)).toEqual([]);
    rig.mayRemain(/:replies$/);
  });

  test('lets the same server listen again', async () => {
    const server = rig.strategy();
    const app = await rig.microservice(parts, server);
    await app.listen();
    await server.close();

    await app.listen();

    expect(await lastValueFrom(rig.client().send('ping', {}))).toBe('pong');
  });
});

describe('app.close() without an answer from Redis', () => {
  const outages: readonly [string, () => Promise<void>, () => Promise<void>][] = [
    ['is away', () => rig.redis.kill(), () => rig.redis.restart()],
    ['is silent', async () => rig.redis.pause(), async () => rig.redis.resume()],
  ];

  test.each(outages)('still ends if it %s', async (_, begin, end) => {
    const app = await rig.serve(parts, { shutdownTimeoutMs: 100 });
    const client = rig.client();
    expect(await lastValueFrom(client.send('ping', {}))).toBe('pong');
    await begin();
    const watch = Stopwatch.start();

    try {
      await Promise.all([app.close(), client.close()]);
      watch.expectAtMost(12_000);
    } finally {
      await end();
    }

    // What could not be sent to Redis is for the next consumer, once the lease has ended.
    rig.mayRemain(/}[^:]*:(consumers|replies|processing:.*)$/);
  });
});

describe('drain()', () => {
  test('begins nothing more, and at once hands back what was taken but has not begun', async () => {
    const gate = new Gate();
    const ran: string[] = [];
    @Controller()
    class SlowController {
      @MessagePattern('slow', { concurrency: 1, prefetch: 2 })
      async slow(name: string): Promise<void> {
        ran.push(name);
        await gate.opened;
      }
    }
    const server = rig.strategy();
    const app = await rig.microservice({ controllers: [SlowController] }, server);
    await app.listen();
    const client = rig.client();
    for (const name of ['first', 'ready']) await lastValueFrom(client.enqueue('slow', name));
    await eventually(() => expect(ran).toEqual(['first']));
    await eventually(async () => expect(await rig.queue('slow').held()).toBe(2));

    server.drain();
    await lastValueFrom(client.enqueue('slow', 'last'));
    // It does not wait for running handlers.
    await eventually(async () => expect(await rig.queue('slow').held()).toBe(1));
    gate.open();
    await app.close();

    expect(ran).toEqual(['first']);
    const bodies = (await rig.queue('slow').waiting()).map((element) => element.split('\n')[1]);
    expect(bodies).toEqual(['"ready"', '"last"']);
  });
});
