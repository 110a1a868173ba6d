import 'reflect-metadata';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import {
  HealthCheck,
  HealthCheckService,
  HealthIndicatorService,
  TerminusModule,
} from '@nestjs/terminus';
import {
  RedisQueueAdmin,
  RedisQueueClient,
  RedisQueueModule,
  RedisQueueServer,
} from 'nestjs-redis-queue-transport';
import { RedisQueueHealthIndicator } from 'nestjs-redis-queue-transport/terminus';

// #region terminus
@Controller('health')
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly queues: RedisQueueHealthIndicator,
  ) {}

  /** The process responds, even if Redis does not. */
  @Get('live')
  @HealthCheck()
  live() {
    return this.health.check([]);
  }

  @Get('ready')
  @HealthCheck()
  ready() {
    return this.health.check([() => this.queues.isHealthy('queues')]);
  }
}

const indicator = {
  provide: RedisQueueHealthIndicator,
  inject: [HealthIndicatorService, RedisQueueServer, RedisQueueClient, RedisQueueAdmin],
  useFactory: (
    terminus: HealthIndicatorService,
    server: RedisQueueServer,
    client: RedisQueueClient,
    admin: RedisQueueAdmin,
  ) =>
    new RedisQueueHealthIndicator(terminus, {
      of: [server, client],
      admin,
      queues: { 'mail.send': { waiting: 10_000, oldestAgeMs: 60_000 } },
    }),
};
// #endregion terminus

@Controller()
class MailController {
  @MessagePattern('mail.send')
  send(to: string): string {
    return `sent to ${to}`;
  }
}

@Module({
  imports: [
    TerminusModule,
    RedisQueueModule.register({ connection: process.env['REDIS_URL'], server: {} }),
  ],
  controllers: [HealthController, MailController],
  providers: [indicator],
})
class AppModule {}

const app = await NestFactory.create(AppModule);
app.connectMicroservice(RedisQueueModule.microservice());
app.enableShutdownHooks();
await app.listen(process.env['PORT'] ?? 3000);
await app.startAllMicroservices();
console.log(`ready at ${await app.getUrl()}/health/ready`);
