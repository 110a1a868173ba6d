import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { OrdersService } from '../orders/orders.service.js';
import { OrderIdDto } from '../orders/dto/order-id.dto.js';
import { PaymentProvider } from './payment-provider.js';

@Controller()
export class PaymentController {
  constructor(
    private readonly orders: OrdersService,
    private readonly provider: PaymentProvider,
  ) {}

  /** If the provider fails, the message comes again, after a pause that doubles each time. */
  @MessagePattern('payment.charge', { retry: { attempts: 12, delayMs: 200 } })
  async charge(@Payload() { orderId }: OrderIdDto): Promise<void> {
    await this.provider.charge(orderId);
    await this.orders.settle(orderId, { status: 'confirmed' });
  }

  /** Comes for each order by transfer when its time is over; the order itself says whether it was paid. */
  @MessagePattern('order.unpaid')
  async cancel(@Payload() { orderId }: OrderIdDto): Promise<void> {
    await this.orders.cancelUnpaid(orderId);
  }
}
