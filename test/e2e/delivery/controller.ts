import { Controller } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { RedisQueueContext } from 'nestjs-redis-queue-transport';
import type { RedisQueueHandlerOptions } from 'nestjs-redis-queue-transport';

export type Handle = (data: unknown, context: RedisQueueContext) => unknown;

interface HandlerParts {
  /** The options of the decorator, beside the pattern. */
  readonly options?: RedisQueueHandlerOptions;
  /** `UseFilters(…)`, `UseGuards(…)` and the like. */
  readonly decorators?: readonly MethodDecorator[];
}

/** A controller with one handler, made for a test. */
export function controllerOf(
  pattern: string,
  handle: Handle,
  { options = {}, decorators = [] }: HandlerParts = {},
): Type {
  @Controller()
  class OneHandlerController {
    @MessagePattern(pattern, options)
    handle(@Payload() data: unknown, @Ctx() context: RedisQueueContext): unknown {
      return handle(data, context);
    }
  }
  const { prototype } = OneHandlerController;
  const method = Object.getOwnPropertyDescriptor(prototype, 'handle')!;
  for (const decorate of decorators) decorate(prototype, 'handle', method);
  return OneHandlerController;
}
