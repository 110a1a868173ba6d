import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { RedisQueueModule, RedisQueueServer } from 'nestjs-redis-queue-transport';
import { AppModule } from './app.module.js';
import { OrderConfig } from './config/order-config.js';
import { readRole } from './config/role.js';
import { LiveOrders } from './page/live-orders.js';
import { WebModule } from './web.module.js';

const app = await NestFactory.create(readRole(process.env) === 'web' ? WebModule : AppModule);
const config = app.get(OrderConfig);
const server = app.get(RedisQueueServer);
const liveOrders = app.get(LiveOrders);
server.on('eventsInterrupted', () => liveOrders.lookAgain());
server.on('eventsDropped', () => liveOrders.lookAgain());
app.connectMicroservice(RedisQueueModule.microservice(), { inheritAppConfig: true });
app.enableShutdownHooks();
// In this order: every module is ready before the first event comes, and the groups of the events
// are known to Redis before the first order that could cause one is taken.
await app.init();
await app.startAllMicroservices();
await app.listen(config.port, config.host);
new Logger('main').log(`order-service is ready: ${await app.getUrl()}`);
