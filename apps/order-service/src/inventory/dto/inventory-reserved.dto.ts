import { IsNotEmpty, IsString } from 'class-validator';

/** Event `inventory.reserved`: the units of the order are taken. */
export class InventoryReservedDto {
  @IsString()
  @IsNotEmpty()
  readonly orderId!: string;
}
