import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsEmail,
  IsIn,
  IsInt,
  IsNotEmptyObject,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';

export class CustomerDto {
  /** In any script; no control characters, which could break the head of an e-mail. */
  @IsString()
  @Length(1, 100)
  @Matches(/\S/, { message: 'name must not be blank' })
  @Matches(/^\P{Cc}*$/u, { message: 'name must not hold control characters' })
  readonly name!: string;

  @IsEmail()
  readonly email!: string;
}

export class OrderLineDto {
  @Matches(/^[A-Z0-9]+(-[A-Z0-9]+)*$/, { message: 'sku must look like TEA-100' })
  @MaxLength(40)
  readonly sku!: string;

  @IsInt()
  @Min(1)
  @Max(1_000)
  readonly quantity!: number;
}

export class PlaceOrderDto {
  @IsNotEmptyObject()
  @ValidateNested()
  @Type(() => CustomerDto)
  readonly customer!: CustomerDto;

  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(50)
  @ArrayUnique((line: OrderLineDto | null | undefined) => line?.sku, {
    message: 'lines must not name the same sku twice',
  })
  @ValidateNested({ each: true })
  @Type(() => OrderLineDto)
  readonly lines!: OrderLineDto[];

  @IsIn(['card', 'transfer'])
  readonly payment: 'card' | 'transfer' = 'card';

  @IsOptional()
  @IsString()
  @MaxLength(500)
  readonly note?: string;
}
