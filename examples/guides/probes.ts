import 'reflect-metadata';
import { Controller, Get, Module, ServiceUnavailableException } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import { RedisQueueClient, RedisQueueModule, RedisQueueServer } from 'nestjs-redis-queue-transport';

// #region probes
@Controller('health')
class HealthController {
  constructor(
    private readonly server: RedisQueueServer,
    private readonly client: RedisQueueClient,
  ) {}

  /** The process runs, even if Redis does not. */
  @Get('live')
  live(): string {
    return 'up';
  }

  @Get('ready')
  ready(): object {
    const server = this.server.health();
    const client = this.client.health();
    if (server.status === 'down' || client.status === 'down')
      throw new ServiceUnavailableException({ server, client });
    return { server, client };
  }
}
// #endregion probes

@Controller()
class PingController {
  @MessagePattern('ping')
  ping(): string {
    return 'pong';
  }
}

// #region app
@Module({
  imports: [RedisQueueModule.register({ connection: process.env['REDIS_URL'], server: {} })],
  controllers: [HealthController, PingController],
})
class AppModule {}

const app = await NestFactory.create(AppModule);
app.connectMicroservice(RedisQueueModule.microservice());
app.enableShutdownHooks();
await app.listen(process.env['PORT'] ?? 3000); // probes answer first: not ready yet
await app.startAllMicroservices();
// #endregion app
console.log(`ready at ${await app.getUrl()}/health/ready`);
