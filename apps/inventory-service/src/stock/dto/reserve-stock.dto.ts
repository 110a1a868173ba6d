import { Type } from 'class-transformer';
import {
  ArrayNotEmpty,
  IsArray,
  IsInt,
  IsNotEmpty,
  IsString,
  Min,
  ValidateNested,
} from 'class-validator';

export class ReserveLineDto {
  @IsString()
  @IsNotEmpty()
  readonly sku!: string;

  @IsInt()
  @Min(1)
  readonly quantity!: number;
}

/** Any program that reaches Redis can put a message on the list, so it is checked here too. */
export class ReserveStockDto {
  @IsString()
  @IsNotEmpty()
  readonly orderId!: string;

  @IsArray()
  @ArrayNotEmpty()
  @ValidateNested({ each: true })
  @Type(() => ReserveLineDto)
  readonly lines!: ReserveLineDto[];
}
