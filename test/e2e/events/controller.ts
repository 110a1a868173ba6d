import { Controller } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { RedisQueueContext } from 'nestjs-redis-queue-transport';
import type { RedisQueueEventOptions } from 'nestjs-redis-queue-transport';
import type { Handle } from '../delivery/controller.js';

/** A controller with one event handler, made for a test. */
export function eventControllerOf(
  pattern: string,
  handle: Handle,
  options: RedisQueueEventOptions = {},
): Type {
  @Controller()
  class OneEventController {
    @EventPattern<string>(pattern, options)
    handle(@Payload() data: unknown, @Ctx() context: RedisQueueContext): unknown {
      return handle(data, context);
    }
  }
  return OneEventController;
}
