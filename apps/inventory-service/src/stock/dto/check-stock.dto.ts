import { IsNotEmpty, IsString } from 'class-validator';

export class CheckStockDto {
  @IsString()
  @IsNotEmpty()
  readonly sku!: string;
}
