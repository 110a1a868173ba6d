import { IsNotEmpty, IsString } from 'class-validator';

/** Event `order.settled`: order-service emits it when an order has ended. */
export class OrderSettledDto {
  @IsString()
  @IsNotEmpty()
  readonly orderId!: string;

  @IsString()
  readonly status!: string;
}
