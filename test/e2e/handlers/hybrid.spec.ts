import { describe, expect, test } from '@jest/globals';
import { Controller, Get } from '@nestjs/common';
import type { ArgumentMetadata, INestApplication, PipeTransform } from '@nestjs/common';
import { EventPattern, MessagePattern, Transport } from '@nestjs/microservices';
import type { CustomStrategy, TcpOptions } from '@nestjs/microservices';
import { findFreePort } from 'local-redis';
import { REDIS_QUEUE_TRANSPORT } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

class MarkingPipe implements PipeTransform {
  transform(value: unknown, { type }: ArgumentMetadata): unknown {
    return type === 'body' ? `piped ${String(value)}` : value;
  }
}

const heard: string[] = [];

@Controller()
class HybridController {
  @Get('hello')
  hello(): string {
    return 'hello by HTTP';
  }

  @MessagePattern('echo')
  echo(data: string): string {
    return data;
  }

  @EventPattern<string>('happened')
  onHappened(data: string): void {
    heard.push(data);
  }
}

async function hybrid(): Promise<INestApplication> {
  return rig.application({ controllers: [HybridController] });
}

describe('a hybrid app', () => {
  test('serves HTTP and messages, and close() ends both', async () => {
    const app = await hybrid();
    app.connectMicroservice<CustomStrategy>({ strategy: rig.strategy() });
    await app.startAllMicroservices();
    await app.listen(0, '127.0.0.1');
    heard.length = 0;
    const client = rig.client();

    expect(await (await fetch(`${await app.getUrl()}/hello`)).text()).toBe('hello by HTTP');
    expect(await lastValueFrom(client.send('echo', 'hello'))).toBe('hello');
    await lastValueFrom(client.emit('happened', 'event'));
    await eventually(() => expect(heard).toEqual(['event']));
    await client.close();
    await app.close();

    await eventually(async () => expect(await rig.connections()).toEqual([]));
  });

  test.each([
    ['does not use the global enhancers of the app', {}, 'hello'],
    ['uses them with inheritAppConfig', { inheritAppConfig: true }, 'piped hello'],
    [
      'also uses those given later, with deferInitialization',
      { inheritAppConfig: true, deferInitialization: true },
      'piped late hello',
    ],
  ])('%s', async (name, options, expected) => {
    const isLate = 'deferInitialization' in options;
    const app = await hybrid();
    if (!isLate) app.useGlobalPipes(new MarkingPipe());
    app.connectMicroservice<CustomStrategy>({ strategy: rig.strategy() }, options);
    if (isLate) {
      app.useGlobalPipes({
        transform: (value: unknown, { type }: ArgumentMetadata) =>
          type === 'body' ? `piped late ${String(value)}` : value,
      });
    }
    await app.startAllMicroservices();
    await app.init();

    expect(await lastValueFrom(rig.client().send('echo', 'hello'))).toBe(expected);
    expect(name).not.toBe('');
  });

  test('lets its microservice have enhancers of its own', async () => {
    const app = await hybrid();
    const microservice = app.connectMicroservice<CustomStrategy>(
      { strategy: rig.strategy() },
      { deferInitialization: true },
    );
    microservice.useGlobalPipes(new MarkingPipe());
    await app.startAllMicroservices();

    expect(await lastValueFrom(rig.client().send('echo', 'hello'))).toBe('piped hello');
  });
});

test('two servers of this transport in one app both serve, for example for two prefixes', async () => {
  const app = await hybrid();
  app.connectMicroservice<CustomStrategy>({ strategy: rig.strategy() });
  app.connectMicroservice<CustomStrategy>({
    strategy: rig.strategy({ prefix: `${rig.prefix}:b` }),
  });
  await app.startAllMicroservices();
  heard.length = 0;

  for (const client of [rig.client(), rig.client({ prefix: `${rig.prefix}:b` })]) {
    expect(await lastValueFrom(client.send('echo', 'hello'))).toBe('hello');
    await lastValueFrom(client.emit('happened', 'event'));
  }

  await eventually(() => expect(heard).toEqual(['event', 'event']));
});

describe('two transports in one app', () => {
  @Controller()
  class TwoTransportsController {
    @MessagePattern('both')
    both(): string {
      return 'both';
    }

    @MessagePattern('tcp.only', Transport.TCP)
    tcpOnly(): string {
      return 'tcp';
    }

    @MessagePattern('ours.only', REDIS_QUEUE_TRANSPORT)
    oursOnly(): string {
      return 'ours';
    }

    @MessagePattern('ours.alone', REDIS_QUEUE_TRANSPORT, { concurrency: 1 })
    oursAlone(): string {
      return 'ours, one at a time';
    }

    // The same pattern for each transport, which is not two claims on one queue.
    @MessagePattern('same', Transport.TCP)
    sameByTcp(): string {
      return 'same by TCP';
    }

    @MessagePattern('same', REDIS_QUEUE_TRANSPORT)
    same(): string {
      return 'same by ours';
    }

    @EventPattern<string>('tcp.event', Transport.TCP)
    onTcpEvent(): void {
      heard.push('tcp event');
    }

    @EventPattern<string>('our.event', REDIS_QUEUE_TRANSPORT)
    onOurEvent(): void {
      heard.push('our event');
    }
  }

  test('get their own handlers and those that name no transport', async () => {
    const app = await rig.application({ controllers: [TwoTransportsController] });
    const server = rig.strategy();
    app.connectMicroservice<TcpOptions>({
      transport: Transport.TCP,
      options: { host: '127.0.0.1', port: await findFreePort() },
    });
    app.connectMicroservice<CustomStrategy>({ strategy: server });
    await app.startAllMicroservices();
    heard.length = 0;
    const client = rig.client();

    expect(await lastValueFrom(client.send('both', {}))).toBe('both');
    expect(await lastValueFrom(client.send('ours.only', {}))).toBe('ours');
    expect(await lastValueFrom(client.send('ours.alone', {}))).toBe('ours, one at a time');
    expect(await lastValueFrom(client.send('same', {}))).toBe('same by ours');
    await expect(lastValueFrom(client.send('tcp.only', {}))).rejects.toThrow(/no matching/);
    await lastValueFrom(client.emit('tcp.event', {}));
    await lastValueFrom(client.emit('our.event', {}));

    await eventually(() => expect(heard).toEqual(['our event']));
    expect([...server.getHandlers().keys()].sort()).toEqual([
      'both',
      'our.event',
      'ours.alone',
      'ours.only',
      'same',
    ]);
    expect(server.transportId).toBe(REDIS_QUEUE_TRANSPORT);
    expect(server.getHandlerByPattern('both')).not.toBeNull();
    expect(server.getHandlerByPattern('tcp.only')).toBeNull();
  });
});
