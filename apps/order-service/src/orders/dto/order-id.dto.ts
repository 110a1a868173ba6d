import { IsNotEmpty, IsString } from 'class-validator';

/** What a message or an event says of an order, if nothing else. */
export class OrderIdDto {
  @IsString()
  @IsNotEmpty()
  readonly orderId!: string;
}
