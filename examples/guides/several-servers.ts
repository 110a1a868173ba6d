import 'reflect-metadata';
import { Controller, Inject, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  Ctx,
  MessagePattern,
  Payload,
  Transport,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import {
  REDIS_QUEUE_TRANSPORT,
  RedisQueueClient,
  RedisQueueContext,
  RedisQueueModule,
  RedisQueueServer,
  redisQueueServerToken,
} from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';

const connection = process.env['REDIS_URL'];

@Controller()
class RegionController {
  // #region inject
  constructor(
    @Inject('EU') private readonly eu: RedisQueueClient,
    @Inject(redisQueueServerToken('EU')) private readonly server: RedisQueueServer,
  ) {}
  // #endregion inject

  // #region handlers
  @MessagePattern('order.place', REDIS_QUEUE_TRANSPORT) // served by each RedisQueueServer of the app
  place(@Payload() order: { id: number }, @Ctx() context: RedisQueueContext): string {
    return `order ${order.id}, attempt ${context.getAttempt()}`;
  }

  @MessagePattern('order.price', Transport.TCP) // served by the TCP server alone
  price(): number {
    return 7;
  }
  // #endregion handlers

  async ping(): Promise<string> {
    const answer = await lastValueFrom(this.eu.send<string>('order.place', { id: 1 }));
    return `${answer}, ${this.server.health().status}`;
  }
}

// #region two
@Module({
  imports: [
    RedisQueueModule.register({ connection, name: 'EU', prefix: 'eu', server: {} }),
    RedisQueueModule.register({ connection, name: 'US', prefix: 'us', server: {} }),
  ],
  controllers: [RegionController],
})
class AppModule {}

const app = await NestFactory.create(AppModule);
app.connectMicroservice(RedisQueueModule.microservice({ name: 'EU' }));
app.connectMicroservice(RedisQueueModule.microservice({ name: 'US' }));
app.connectMicroservice<MicroserviceOptions>({ transport: Transport.TCP, options: { port: 0 } });
app.enableShutdownHooks();
await app.init();
await app.startAllMicroservices();
await app.listen(process.env['PORT'] ?? 3000);
// #endregion two
console.log(await app.get(RegionController).ping());
const us = app.get<RedisQueueClient>('US');
console.log(await lastValueFrom(us.send<string>('order.place', { id: 2 })));
await app.close();
