import 'reflect-metadata';
import { Controller, Get, Module, ServiceUnavailableException } from '@nestjs/common';
import { APP_FILTER, NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import {
  RedisQueueHttpFilter,
  RedisQueueModule,
  RedisQueueServer,
} from 'nestjs-redis-queue-transport';

const connection = process.env['REDIS_URL'];

@Controller()
class ProbeController {
  constructor(private readonly server: RedisQueueServer) {}

  @Get('ready')
  ready(): string {
    const { status, reason } = this.server.health();
    if (status === 'down') throw new ServiceUnavailableException(reason);
    return status;
  }

  @MessagePattern('ping')
  ping(): string {
    return 'pong';
  }
}

// #region module
@Module({
  imports: [RedisQueueModule.register({ connection, server: { concurrency: 20 } })],
  controllers: [ProbeController],
  providers: [{ provide: APP_FILTER, useClass: RedisQueueHttpFilter }], // see docs/errors.md
})
class AppModule {}

const app = await NestFactory.create(AppModule);
app.connectMicroservice(RedisQueueModule.microservice());
// #endregion module
app.enableShutdownHooks();
await app.startAllMicroservices();
await app.listen(Number(process.env['PORT'] ?? 3000));
console.log(`ready at ${await app.getUrl()}/ready`);
