import { createParamDecorator } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import { RedisQueueBatchContext } from './redis-queue-batch.context.js';
import type { RedisQueueContext } from './redis-queue.context.js';

/** Derived from Nest's function, since the type of its result differs in Nest 11. */
type ParamDecorator<Data> = ReturnType<typeof createParamDecorator<Data, unknown>>;

/** `@MessageId() id: string`: the message's id. In a batch handler: an array of ids. */
export const MessageId: ParamDecorator<unknown> = createParamDecorator((_: unknown, host) =>
  ofEach(host, (context) => context.getMessageId()),
);

/**
 * `@MessageHeaders() headers`, or `@MessageHeaders('tenant') tenant`: the message's headers, or one of them. In a batch
 * handler: an array of these.
 */
export const MessageHeaders: ParamDecorator<string | undefined> = createParamDecorator(
  (name: string | undefined, host) =>
    ofEach(host, (context) => {
      const headers = context.getHeaders();
      return name === undefined ? headers : headers[name];
    }),
);

function ofEach<T>(host: ExecutionContext, read: (context: RedisQueueContext) => T): T | T[] {
  const context = host.switchToRpc().getContext<RedisQueueContext | RedisQueueBatchContext>();
  return context instanceof RedisQueueBatchContext ? context.items.map(read) : read(context);
}
