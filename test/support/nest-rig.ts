import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type {
  DynamicModule,
  ForwardReference,
  INestApplication,
  INestMicroservice,
  Provider,
  Type,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { CustomStrategy } from '@nestjs/microservices';
import type { StartRedisOptions } from 'local-redis';
import { RedisQueueClient, RedisQueueServer } from 'nestjs-redis-queue-transport';
import type {
  RedisQueueClientOptions,
  RedisQueueServerOptions,
} from 'nestjs-redis-queue-transport';
import { LogCapture } from './log-capture.js';
import { QueueView } from './queue-view.js';
import { RedisRig } from './redis-rig.js';

export interface AppParts {
  readonly controllers?: Type[];
  readonly providers?: Provider[];
  readonly imports?: (Type | DynamicModule | Promise<DynamicModule> | ForwardReference)[];
}

/** A Redis for a spec file, with apps and clients on it that are closed after each test. What they log is kept. */
export class NestRig extends RedisRig {
  readonly logs = new LogCapture();

  override async beginTest(): Promise<void> {
    await super.beginTest();
    // A consumer that is closed while its connection opens is rightly fenced for a while.
    this.mayRemain(/}[^:]*:fenced$/);
    this.logs.clear();
    Logger.overrideLogger(this.logs);
  }

  serverOptions(options: RedisQueueServerOptions = {}): RedisQueueServerOptions {
    return { connection: this.connection, prefix: this.prefix, ...options };
  }

  clientOptions(options: RedisQueueClientOptions = {}): RedisQueueClientOptions {
    return { connection: this.connection, prefix: this.prefix, ...options };
  }

  strategy(options: RedisQueueServerOptions = {}): RedisQueueServer {
    return new RedisQueueServer(this.serverOptions(options));
  }

  client(options: RedisQueueClientOptions = {}): RedisQueueClient {
    return this.closeLater(new RedisQueueClient(this.clientOptions(options)));
  }

  /** An app that is not listening yet. */
  async microservice(
    parts: AppParts,
    strategy: CustomStrategy['strategy'] = this.strategy(),
  ): Promise<INestMicroservice> {
    const app = await NestFactory.createMicroservice<CustomStrategy>(rootModule(parts), {
      strategy,
      abortOnError: false,
    });
    return this.closeLater(app);
  }

  /** A listening app with one server. */
  async serve(
    parts: AppParts,
    options: RedisQueueServerOptions = {},
    configure: (app: INestMicroservice) => void = () => undefined,
  ): Promise<INestMicroservice> {
    const app = await this.microservice(parts, this.strategy(options));
    configure(app);
    await app.listen();
    return app;
  }

  /** An app with HTTP that is not listening yet, for `connectMicroservice`. */
  async application(parts: AppParts): Promise<INestApplication> {
    return this.closeLater(await NestFactory.create(rootModule(parts), { abortOnError: false }));
  }

  queue(name: string): QueueView {
    return new QueueView(this.commands, this.prefix, name);
  }

  /** The names of the connections that this library has open. */
  async connections(): Promise<string[]> {
    const list = String(await this.commands.client('LIST'));
    return [...list.matchAll(/ name=(rq-[^ ]+)/g)].map((match) => match[1] ?? '');
  }
}

/** Nest tells modules apart by their class, so each app has a class of its own. */
function rootModule(parts: AppParts): DynamicModule {
  return { module: class AppModule {}, ...parts };
}

/** A rig that lives as long as the spec file. Call it at the top of one. */
export function nestRig(options: StartRedisOptions = {}): NestRig {
  const rig = new NestRig(options);
  beforeAll(() => rig.start());
  afterAll(() => rig.stop());
  beforeEach(() => rig.beginTest());
  afterEach(() => rig.endTest());
  return rig;
}
