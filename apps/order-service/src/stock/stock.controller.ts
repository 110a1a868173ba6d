import { Controller, Get, Param } from '@nestjs/common';
import { StockService, type StockLevel } from './stock.service.js';

@Controller('stock')
export class StockController {
  constructor(private readonly stock: StockService) {}

  @Get(':sku')
  check(@Param('sku') sku: string): Promise<StockLevel> {
    return this.stock.check(sku);
  }
}
