import { IsNotEmpty, IsString } from 'class-validator';

/** Event `inventory.rejected`: nothing was set aside. */
export class InventoryRejectedDto {
  @IsString()
  @IsNotEmpty()
  readonly orderId!: string;

  @IsString()
  readonly reason!: string;
}
