import { Module } from '@nestjs/common';
import { InventoryModule } from '../inventory/inventory.module.js';
import { StockController } from './stock.controller.js';
import { StockService } from './stock.service.js';

@Module({
  imports: [InventoryModule],
  controllers: [StockController],
  providers: [StockService],
})
export class StockModule {}
