import 'reflect-metadata';
import { Controller, Injectable, Module } from '@nestjs/common';
import type {
  INestApplicationContext,
  OnApplicationShutdown,
  OnModuleDestroy,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import type { CustomStrategy } from '@nestjs/microservices';
import { RedisQueueClient, RedisQueueModule, RedisQueueServer } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';

/** A service that tests end in every possible way. It prints what happens to it, one JSON text in each line. */
function print(event: string): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

const options = { connection: process.env['REDIS_URL'], prefix: process.env['PREFIX'] };

/** Resolves some time after the signal, or the call, that ends the service. */
class Ending {
  readonly promise: Promise<void>;
  begin: () => void = () => undefined;

  constructor() {
    this.promise = new Promise((resolve) => {
      this.begin = () => void this.#later().then(resolve);
    });
  }

  async #later(): Promise<void> {
    for (let turn = 0; turn < 200; turn += 1) await new Promise(setImmediate);
  }
}

const ending = new Ending();

@Injectable()
class Database implements OnModuleDestroy, OnApplicationShutdown {
  onModuleDestroy(): void {
    print('destroyed');
  }

  onApplicationShutdown(signal?: string): void {
    print(`shut down by ${signal ?? 'a call'}`);
  }
}

@Controller()
class WorkController {
  @MessagePattern('work', { concurrency: 1 })
  async work(name: string): Promise<string> {
    print(`begin ${name}`);
    await ending.promise;
    print(`end ${name}`);
    return `done ${name}`;
  }

  @EventPattern<string>('end')
  end(): void {
    ending.begin();
    // Not awaited, since close() waits for this handler.
    setImmediate(() => void close());
  }
}

@Module({
  imports: [RedisQueueModule.register(options)],
  controllers: [WorkController],
  providers: [Database],
})
class ServiceModule {}

async function standalone(): Promise<INestApplicationContext> {
  const app = await NestFactory.createMicroservice<CustomStrategy>(ServiceModule, {
    strategy: new RedisQueueServer(options),
    logger: ['error', 'fatal'],
  });
  app.enableShutdownHooks();
  await app.listen();
  return app;
}

async function hybrid(): Promise<INestApplicationContext> {
  const app = await NestFactory.create(ServiceModule, { logger: ['error', 'fatal'] });
  app.connectMicroservice<CustomStrategy>({ strategy: new RedisQueueServer(options) });
  app.enableShutdownHooks();
  await app.startAllMicroservices();
  await app.listen(0, '127.0.0.1');
  return app;
}

/** Asks a service, enqueues, emits, and ends by itself. */
async function caller(): Promise<INestApplicationContext> {
  const app = await NestFactory.createApplicationContext(ServiceModule, {
    logger: ['error', 'fatal'],
  });
  const client = app.get(RedisQueueClient);
  print(await lastValueFrom(client.send<string>('echo', 'answer')));
  await lastValueFrom(client.enqueue('work', 'enqueued'));
  await lastValueFrom(client.emit('happened', 'emitted'));
  setImmediate(() => void close());
  return app;
}

const kinds: Readonly<Record<string, () => Promise<INestApplicationContext>>> = {
  standalone,
  hybrid,
  caller,
};

const start = kinds[process.env['KIND'] ?? ''];
if (start === undefined) throw new Error('KIND must name a kind of service.');
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => ending.begin());
const app = await start();
print('ready');

async function close(): Promise<void> {
  await app.close();
  print('closed');
}
