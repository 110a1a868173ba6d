import { describe, expect, test } from '@jest/globals';
import type { CustomStrategy } from '@nestjs/microservices';
import { ServerStartedError } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { PingController } from './ping.controller.js';

const rig = nestRig();

const parts = { controllers: [PingController] };
const consumers = (): Promise<number> => rig.commands.zcard(`${rig.prefix}:{ping}:consumers`);
const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('a server that has been started', () => {
  test('refuses to be started again by its app, and goes on as before', async () => {
    const app = await rig.serve(parts);
    await eventually(async () => expect(await rig.connections()).toHaveLength(3));
    const connections = (await rig.connections()).sort();

    const error = await failureOf(app.listen());

    expect(error).toBeInstanceOf(ServerStartedError);
    expect(error).toMatchObject({ code: 'SERVER_STARTED' });
    expect(String(error)).toMatch(/listen\(\).*already.*startAllMicroservices\(\).*close\(\)/s);
    expect((await rig.connections()).sort()).toEqual(connections);
    expect(await consumers()).toBe(1);
    expect(await lastValueFrom(rig.client().send('ping', {}))).toBe('pong');
    await app.close();
    expect(await consumers()).toBe(0);
  });

  test('refuses a second startAllMicroservices()', async () => {
    const app = await rig.application(parts);
    app.connectMicroservice<CustomStrategy>({ strategy: rig.strategy() });
    await app.startAllMicroservices();

    expect(await failureOf(app.startAllMicroservices())).toBeInstanceOf(ServerStartedError);

    expect(await lastValueFrom(rig.client().send('ping', {}))).toBe('pong');
  });

  test('refuses while it is still starting, and then starts', async () => {
    const app = await rig.microservice(parts);
    await app.init();

    const [first, second] = await Promise.all([failureOf(app.listen()), failureOf(app.listen())]);

    expect(first).toBeUndefined();
    expect(second).toBeInstanceOf(ServerStartedError);
    expect(await consumers()).toBe(1);
  });

  test('holds no message back after it has refused', async () => {
    const app = await rig.serve(parts);
    await failureOf(app.listen());
    await app.close();
    await lastValueFrom(rig.client().enqueue('ping', {}));

    expect(await rig.queue('ping').waiting()).toHaveLength(1);
    expect(await rig.queue('ping').held()).toBe(0);
    expect(rig.logs.matching('warn', /Lost the lease/)).toEqual([]);
  });

  test('accepts no further handlers', async () => {
    const server = rig.strategy();
    const app = await rig.microservice(parts, server);
    await app.listen();
    const add = (): void => server.addHandler('late', () => Promise.resolve());

    expect(add).toThrow(ServerStartedError);
    expect(add).toThrow(/handler of "late".*after listen\(\)/s);
  });

  test('does not serve a second app, and says so', async () => {
    const server = rig.strategy();
    const first = await rig.microservice(parts, server);
    await first.listen();
    await first.close();
    const second = await rig.microservice(parts, server);

    const error = await failureOf(second.listen());

    expect(error).toBeInstanceOf(ServerStartedError);
    expect(String(error)).toContain('new RedisQueueServer');
    await eventually(async () => expect(await rig.connections()).toEqual([]));
  });

  test('names one strategy for two apps as a cause if two handlers claim a pattern', async () => {
    const server = rig.strategy();
    await (await rig.microservice(parts, server)).init();
    const second = await rig.microservice(parts, server);

    expect(String(await failureOf(second.init()))).toMatch(
      /Two handlers claim @MessagePattern\("ping"\).*one RedisQueueServer.*two apps/s,
    );
  });
});

describe('a server that is closed', () => {
  test('may be started again while it is still closing, and is closed by the next close()', async () => {
    const server = rig.strategy();
    const app = await rig.microservice(parts, server);
    await app.listen();

    const closing = server.close();
    const listening = app.listen();
    await closing;
    await listening;

    expect(await lastValueFrom(rig.client().send('ping', {}))).toBe('pong');
    await server.close();
    await eventually(async () => expect(await consumers()).toBe(0));
  });

  test('stays closed if close() comes again before it was started again', async () => {
    const server = rig.strategy();
    const app = await rig.microservice(parts, server);
    await app.listen();

    void server.close();
    const listening = failureOf(app.listen());
    await server.close();

    expect(String(await listening)).toContain('closed while it started');
    await eventually(async () =>
      expect((await rig.connections()).filter((name) => !name.includes('commands-'))).toEqual([]),
    );
    expect(server.health().status).toBe('down');
  });
});
