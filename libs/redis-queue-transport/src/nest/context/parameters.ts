import { createParamDecorator } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import { RedisQueueBatchContext } from './redis-queue-batch.context.js';
import type { RedisQueueContext } from './redis-queue.context.js';

/** `@MessageId() id: string`: the message's id. In a batch handler: an array of ids. */
export const MessageId = createParamDecorator((_: unknown, host: ExecutionContext) =>
  ofEach(host, (context) => context.getMessageId()),
);

/**
 * `@MessageHeaders() headers`, or `@MessageHeaders('tenant') tenant`: the message's headers, or one of them. In a batch
 * handler: an array of these.
 */
export const MessageHeaders = createParamDecorator((name: string | undefined, host) =>
  ofEach(host, (context) => {
    const headers = context.getHeaders();
    return name === undefined ? headers : headers[name];
  }),
);

function ofEach<T>(host: ExecutionContext, read: (context: RedisQueueContext) => T): T | T[] {
  const context = host.switchToRpc().getContext<RedisQueueContext | RedisQueueBatchContext>();
  return context instanceof RedisQueueBatchContext ? context.items.map(read) : read(context);
}
