import { Module } from '@nestjs/common';
import { HealthIndicatorService, TerminusModule } from '@nestjs/terminus';
import { RedisQueueAdmin, RedisQueueClient, RedisQueueServer } from 'nestjs-redis-queue-transport';
import { RedisQueueHealthIndicator } from 'nestjs-redis-queue-transport/terminus';
import { InventoryModule } from '../inventory/inventory.module.js';
import { HealthController } from './health.controller.js';
import { MetricsController } from './metrics.controller.js';

/** What operators ask the service: whether it is healthy, and what it has measured. */
@Module({
  imports: [
    // The transport itself logs what is wrong with Redis: once, not with each probe.
    TerminusModule.forRoot({ logger: false }),
    InventoryModule,
  ],
  controllers: [HealthController, MetricsController],
  providers: [
    {
      provide: RedisQueueHealthIndicator,
      inject: [HealthIndicatorService, RedisQueueServer, RedisQueueClient, RedisQueueAdmin],
      useFactory: (
        terminus: HealthIndicatorService,
        server: RedisQueueServer,
        client: RedisQueueClient,
        admin: RedisQueueAdmin,
      ): RedisQueueHealthIndicator =>
        new RedisQueueHealthIndicator(terminus, {
          of: [server, client],
          admin,
          queues: { 'payment.charge': { oldestAgeMs: 60_000 } },
        }),
    },
  ],
})
export class OperationsModule {}
