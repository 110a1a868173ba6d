import { describe, expect, test } from '@jest/globals';
import { Controller, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import type { AsyncMicroserviceOptions, CustomStrategy } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import { findFreePort } from 'local-redis';
import {
  RedisQueueModule,
  RedisQueueServer,
  RedisUnavailableError,
} from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../support/eventually.js';
import { Gate } from '../support/gate.js';
import { nestRig } from '../support/nest-rig.js';

const rig = nestRig();

const handled: unknown[] = [];

@Controller()
class PingController {
  @MessagePattern('ping')
  ping(data: unknown): string {
    handled.push(data);
    return 'pong';
  }

  @EventPattern<string>('pinged')
  onPinged(data: unknown): void {
    handled.push(data);
  }
}

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

  test('ends a listen() that is under way, whenever it comes', async () => {
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
      await eventually(check, 2_000);
      expect(await rig.commands.keys('*:consumers')).toEqual([]);
    }
  });

  test('waits for the handlers that run, answers their callers, and runs no other', async () => {
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

  test('hands back what it holds also when Redis has lost the lease, as after a restart without its data', async () => {
    const closing = new Gate<Promise<void>>();
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
    await await closing.opened;

    const queue = rig.queue('closing');
    expect([await queue.held(), (await queue.waiting()).length]).toEqual([0, 1]);
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

describe('app.listen()', () => {
  test('fails with a typed error where there is no Redis, and leaves nothing open', async () => {
    const connection = `redis://127.0.0.1:${await findFreePort()}`;
    const app = await rig.microservice(parts, rig.strategy({ connection, connectTimeoutMs: 200 }));
    const begin = performance.now();

    const error: unknown = await app.listen().catch((reason: unknown) => reason);

    expect(performance.now() - begin).toBeLessThan(2_000);
    expect(error).toBeInstanceOf(RedisUnavailableError);
    expect(String(error)).toContain('ECONNREFUSED');
  });
});

describe('a strategy', () => {
  test('may be made by a factory with dependencies', async () => {
    @Injectable()
    class Settings {
      readonly prefix = rig.prefix;
    }
    @Module({ ...parts, providers: [Settings] })
    class AppModule {}
    const app = await NestFactory.createMicroservice<AsyncMicroserviceOptions>(AppModule, {
      inject: [Settings],
      useFactory: ({ prefix }: Settings) => ({ strategy: rig.strategy({ prefix }) }),
      abortOnError: false,
    });
    rig.closeLater(app);

    await app.listen();

    expect(await lastValueFrom(rig.client().send('ping', {}))).toBe('pong');
  });

  test('is made without side effects in preview mode', async () => {
    const connection = rig.redis.url;
    @Module({ ...parts, imports: [RedisQueueModule.register({ connection })] })
    class AppModule {}

    const app = await NestFactory.createMicroservice<CustomStrategy>(AppModule, {
      strategy: new RedisQueueServer({ connection }),
      preview: true,
      abortOnError: false,
    });
    await app.init();

    await expect(app.listen()).rejects.toThrow(/preview/);
    expect(await rig.connections()).toEqual([]);
    expect(rig.logs.matching('error', /Redis/)).toEqual([]);
    await app.close();
  });
});

describe('the state of a server', () => {
  test('is told by status and by on(), also to those who asked before it listened', async () => {
    const app = await rig.microservice(parts);
    const seen: string[] = [];
    const heard: string[] = [];
    app.status.subscribe((status: unknown) => seen.push(String(status)));
    for (const event of ['connected', 'reconnecting', 'disconnected']) {
      app.on(event, () => heard.push(event));
    }

    await app.listen();
    expect(seen).toEqual(['connected']);
    await killConnections('rq-commands');
    await eventually(() => expect(seen).toEqual(['connected', 'reconnecting', 'connected']));
    expect(await lastValueFrom(rig.client().send('ping', {}))).toBe('pong');
    await app.close();

    await eventually(() => expect(seen.at(-1)).toBe('disconnected'));
    expect(heard).toEqual(seen);
  });

  test('tells trouble by on() and in the log, once, and that it is over', async () => {
    const app = await rig.microservice(parts);
    const errors: unknown[] = [];
    app.on('error', (error: unknown) => errors.push(error));
    await app.listen();

    await rig.redis.kill();
    await eventually(() => expect(errors.length).toBeGreaterThan(1));
    await rig.redis.restart();

    await eventually(() => expect(rig.logs.matching('log', /Redis answers again/)).toHaveLength(1));
    const refused = rig.logs.matching('error', /ECONNREFUSED/);
    expect(refused.length).toBeLessThan(4);
    // What Redis knew is gone with it: once the consumer has joined anew, it takes again.
    const client = rig.client();
    await lastValueFrom(client.enqueue('ping', 'after the restart'));
    await eventually(() => expect(handled).toContain('after the restart'), 25_000);
  });

  test('includes the ioredis client behind it, while it listens', async () => {
    const app = await rig.microservice(parts);
    expect(() => app.unwrap<Redis>()).toThrow(/listen\(\)/);

    await app.listen();

    expect(await app.unwrap<Redis>().ping()).toBe('PONG');
    await app.close();
    expect(() => app.unwrap<Redis>()).toThrow(/listen\(\)/);
  });
});

describe('the state of a client', () => {
  test('is told by status and by on(), also to those who asked before it connected', async () => {
    const client = rig.client();
    const seen: string[] = [];
    const heard: string[] = [];
    client.status.subscribe((status) => seen.push(status));
    for (const event of ['connected', 'reconnecting', 'disconnected'] as const) {
      client.on(event, () => heard.push(event));
    }

    await client.connect();
    expect(seen).toEqual(['connected']);
    await killConnections('rq-commands');
    await eventually(() => expect(seen).toEqual(['connected', 'reconnecting', 'connected']));
    await client.close();
    await eventually(() => expect(seen.at(-1)).toBe('disconnected'));
    await client.connect();

    expect(seen).toEqual(['connected', 'reconnecting', 'connected', 'disconnected', 'connected']);
    expect(heard).toEqual(seen);
  });

  test('includes the ioredis client behind it, while it is connected', async () => {
    const client = rig.client();
    expect(() => client.unwrap<Redis>()).toThrow(/connect\(\)/);

    await client.connect();

    expect(await client.unwrap<Redis>().ping()).toBe('PONG');
    expect(client.unwrap<Redis>()).toBeInstanceOf(Redis);
    await client.close();
    expect(() => client.unwrap<Redis>()).toThrow(/connect\(\)/);
  });

  test('tells trouble in the background', async () => {
    const client = rig.client();
    const errors: unknown[] = [];
    client.on('error', (error) => errors.push(error));
    await client.connect();

    await rig.redis.kill();
    await eventually(() => expect(errors).not.toEqual([]));
    await rig.redis.restart();

    await eventually(() => expect(rig.logs.matching('log', /Redis answers again/)).toHaveLength(1));
    await lastValueFrom(client.enqueue('ping', {}));
  });
});

async function killConnections(role: string): Promise<void> {
  const list = String(await rig.commands.client('LIST'));
  for (const [, id] of list.matchAll(new RegExp(`^id=(\\d+) .* name=${role}`, 'gm'))) {
    await rig.commands.client('KILL', 'ID', Number(id));
  }
}
