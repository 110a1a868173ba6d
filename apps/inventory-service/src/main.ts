import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { RedisQueueModule } from 'nestjs-redis-queue-transport';
import { AppModule } from './app.module.js';
import { InventoryConfig } from './config/inventory-config.js';

// HTTP is only for operators: /health and /metrics. All work comes as messages.
const app = await NestFactory.create(AppModule);
app.connectMicroservice(RedisQueueModule.microservice(), { inheritAppConfig: true });
// SIGTERM and SIGINT let the running handlers finish and hand back what has not started.
app.enableShutdownHooks();
await app.init();
await app.startAllMicroservices();
const { host, port } = app.get(InventoryConfig);
await app.listen(port, host);
new Logger('main').log(`inventory-service is ready: ${await app.getUrl()}`);
