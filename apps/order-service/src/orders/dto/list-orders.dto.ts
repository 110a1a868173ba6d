import { Type } from 'class-transformer';
import { IsInt, Max, Min } from 'class-validator';

/** Text in the query string, hence the conversions. */
export class ListOrdersDto {
  @Type(() => Number)
  @IsInt()
  @Min(0)
  readonly offset: number = 0;

  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(500)
  readonly limit: number = 50;
}
