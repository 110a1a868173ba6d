import { Module } from '@nestjs/common';
import { ConfigModule } from './config/config.module.js';
import { OperationsModule } from './operations/operations.module.js';
import { StockModule } from './stock/stock.module.js';
import { TelemetryModule } from './telemetry/telemetry.module.js';

@Module({ imports: [ConfigModule, TelemetryModule, StockModule, OperationsModule] })
export class AppModule {}
