import { IsNotEmpty, IsString } from 'class-validator';

/** A message or an event that only names an order. */
export class OrderIdDto {
  @IsString()
  @IsNotEmpty()
  readonly orderId!: string;
}
