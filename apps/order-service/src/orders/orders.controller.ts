import {
  Body,
  Controller,
  Get,
  HttpCode,
  HttpStatus,
  NotFoundException,
  Param,
  Post,
  Query,
} from '@nestjs/common';
import { ListOrdersDto } from './dto/list-orders.dto.js';
import { PlaceOrderDto } from './dto/place-order.dto.js';
import { IdempotencyKey } from './idempotency-key.js';
import type { Order } from './order.js';
import type { OrderPage } from './orders.repository.js';
import { OrdersService } from './orders.service.js';

@Controller('orders')
export class OrdersController {
  constructor(private readonly orders: OrdersService) {}

  /**
   * 202, not 201: whether the order can be filled is not known yet. A customer who got no answer can post it again with
   * the same `Idempotency-Key`: it stays one order.
   */
  @Post()
  @HttpCode(HttpStatus.ACCEPTED)
  place(@Body() order: PlaceOrderDto, @IdempotencyKey() key?: string): Promise<Order> {
    return this.orders.place(order, key);
  }

  /** The bank calls this when a transfer has arrived, again and again until it is answered. */
  @Post(':id/payment')
  @HttpCode(HttpStatus.NO_CONTENT)
  async pay(@Param('id') id: string): Promise<void> {
    await this.orders.pay(await this.find(id));
  }

  @Get()
  list(@Query() { offset, limit }: ListOrdersDto): Promise<OrderPage> {
    return this.orders.list(offset, limit);
  }

  @Get(':id')
  async find(@Param('id') id: string): Promise<Order> {
    const order = await this.orders.find(id);
    if (order === undefined) {
      throw new NotFoundException(`there is no order ${id}`);
    }
    return order;
  }
}
