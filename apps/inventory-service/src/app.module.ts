import { Module } from '@nestjs/common';
import { ConfigModule } from './config/config.module.js';
import { StockModule } from './stock/stock.module.js';

@Module({ imports: [ConfigModule, StockModule] })
export class AppModule {}
