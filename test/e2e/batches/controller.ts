import { Controller } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { RedisQueueBatchContext } from 'nestjs-redis-queue-transport';
import type { RedisQueueHandlerOptions } from 'nestjs-redis-queue-transport';

export type HandleBatch = (data: unknown[], context: RedisQueueBatchContext) => unknown;

/** A controller with one batch handler, made for a test. */
export function batchControllerOf(
  pattern: string,
  options: RedisQueueHandlerOptions & Required<Pick<RedisQueueHandlerOptions, 'batch'>>,
  handle: HandleBatch,
  decorators: readonly MethodDecorator[] = [],
): Type {
  @Controller()
  class BatchController {
    @MessagePattern(pattern, options)
    handle(@Payload() data: unknown[], @Ctx() context: RedisQueueBatchContext): unknown {
      return handle(data, context);
    }
  }
  const { prototype } = BatchController;
  const method = Object.getOwnPropertyDescriptor(prototype, 'handle')!;
  for (const decorate of decorators) decorate(prototype, 'handle', method);
  return BatchController;
}
