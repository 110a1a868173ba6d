import { IsNotEmpty, IsString } from 'class-validator';

/** Event `inventory.rejected`: no unit was taken. */
export class InventoryRejectedDto {
  @IsString()
  @IsNotEmpty()
  readonly orderId!: string;

  @IsString()
  readonly reason!: string;
}
