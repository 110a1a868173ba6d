import { createBullBoard } from '@bull-board/api';
import type { IServerAdapter } from '@bull-board/api/typings/app';
import { ExpressAdapter } from '@bull-board/express';
import { Module, type MiddlewareConsumer, type NestModule } from '@nestjs/common';
import { RedisQueueAdmin, RedisQueueClient } from 'nestjs-redis-queue-transport';
import { everyRedisQueue } from 'nestjs-redis-queue-transport/bull-board';
import { OrderConfig } from '../config/order-config.js';
import { InventoryModule } from '../inventory/inventory.module.js';
import { basicAuth } from './basic-auth.js';
import { sameOrigin } from './same-origin.js';

const PATH = '/queues';

/** The queues of both services in bull-board, behind a password. */
@Module({ imports: [InventoryModule] })
export class DashboardModule implements NestModule {
  constructor(
    private readonly config: OrderConfig,
    private readonly admin: RedisQueueAdmin,
    private readonly client: RedisQueueClient,
  ) {}

  configure(consumer: MiddlewareConsumer): void {
    const { dashboardPassword } = this.config;
    if (dashboardPassword === undefined) return;
    // #region board
    const serverAdapter = new ExpressAdapter().setBasePath(PATH);
    createBullBoard({
      queues: [],
      // Its package names an earlier patch release of the same interface.
      serverAdapter: serverAdapter as unknown as IServerAdapter,
      options: {
        uiConfig: { boardTitle: 'Queues of the shop', hideDocsLink: true },
        handlerHooks: { before: everyRedisQueue({ admin: this.admin, client: this.client }) },
      },
    });
    const board: unknown = serverAdapter.getRouter();
    consumer
      .apply(basicAuth('admin', dashboardPassword), sameOrigin, board as () => void) // an Express app is a middleware
      .forRoutes(PATH);
    // #endregion board
  }
}
