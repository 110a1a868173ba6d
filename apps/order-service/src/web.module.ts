import { Module, ValidationPipe } from '@nestjs/common';
import { APP_PIPE } from '@nestjs/core';
import { ConfigModule } from './config/config.module.js';
import { DashboardModule } from './dashboard/dashboard.module.js';
import { DemoModule } from './demo/demo.module.js';
import { OperationsModule } from './operations/operations.module.js';
import { OrdersModule } from './orders/orders.module.js';
import { PageModule } from './page/page.module.js';
import { StockModule } from './stock/stock.module.js';
import { TelemetryModule } from './telemetry/telemetry.module.js';

/** What a replica with `ROLE=web` consists of. */
@Module({
  imports: [
    ConfigModule,
    TelemetryModule,
    DashboardModule,
    OperationsModule,
    OrdersModule,
    StockModule,
    PageModule,
    DemoModule,
  ],
  providers: [
    // For HTTP bodies and, because the microservice inherits it, for events too.
    {
      provide: APP_PIPE,
      useFactory: (): ValidationPipe => new ValidationPipe({ transform: true, whitelist: true }),
    },
  ],
})
export class WebModule {}
