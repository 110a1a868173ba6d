import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { AsyncMicroserviceOptions } from '@nestjs/microservices';
import { RedisQueueServer } from 'nestjs-redis-queue-transport';
import { AppModule } from './app.module.js';
import { InventoryConfig } from './config/inventory-config.js';
import { Traces } from './telemetry/traces.js';

const app = await NestFactory.createMicroservice<AsyncMicroserviceOptions>(AppModule, {
  inject: [InventoryConfig, Traces],
  useFactory: (config: InventoryConfig, { observers }: Traces) => ({
    strategy: new RedisQueueServer({
      connection: config.redisUrl,
      prefix: config.queuePrefix,
      concurrency: config.concurrency,
      leaseMs: config.leaseMs,
      observers,
    }),
  }),
});
// SIGTERM and SIGINT let the running handlers finish and hand back what has not started.
app.enableShutdownHooks();
await app.listen();
new Logger('main').log('inventory-service is ready');
