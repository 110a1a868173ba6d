import { EventPattern, MessagePattern } from '@nestjs/microservices';
import type { RedisQueueEventOptions } from '../options/event-options.js';
import type { RedisQueueHandlerOptions } from '../options/options.js';
import { REDIS_QUEUE_TRANSPORT } from './transport-id.js';

/** An object of texts, numbers and the like. */
interface PatternObject {
  readonly [key: string]: string | number | boolean | null | PatternObject;
}

/** Text, a number, or an object of them. */
export type RedisQueuePattern = string | number | PatternObject;

/** Those that live events have a use for. */
type OfLiveEvents = 'concurrency' | 'history' | 'recover' | 'durable' | 'group';

/** Every replica that is up hears the event. */
type LiveEventOptions = Pick<RedisQueueEventOptions, 'concurrency' | 'history' | 'recover'> & {
  readonly durable?: false | undefined;
  readonly group?: undefined;
} & Partial<Readonly<Record<Exclude<keyof RedisQueueEventOptions, OfLiveEvents>, undefined>>>;

/** One replica of the group handles the event. */
type DurableEventOptions = Omit<RedisQueueEventOptions, 'recover' | 'durable' | 'group'> & {
  readonly recover?: undefined;
} & (
    | { readonly group: string; readonly durable?: true | undefined }
    | { readonly durable: true; readonly group?: string | undefined }
  );

/** Options of a handler of events: with `group` or `durable` those of a queue, without those of live events. */
export type RedisQueueEventHandlerOptions = LiveEventOptions | DurableEventOptions;

/**
 * `@MessagePattern(pattern, REDIS_QUEUE_TRANSPORT, options)`, with options that the compiler checks: handles what
 * `enqueue` and `send` give the pattern.
 */
export function RedisQueueMessage(
  pattern: RedisQueuePattern,
  options: RedisQueueHandlerOptions = {},
): MethodDecorator {
  return MessagePattern(pattern, REDIS_QUEUE_TRANSPORT, { ...options });
}

/**
 * `@EventPattern(pattern, REDIS_QUEUE_TRANSPORT, options)`, with options that the compiler checks: handles what `emit`
 * gives the pattern, which may have wildcards.
 */
export function RedisQueueEvent(
  pattern: RedisQueuePattern,
  options: RedisQueueEventHandlerOptions = {},
): MethodDecorator {
  return EventPattern<RedisQueuePattern>(pattern, REDIS_QUEUE_TRANSPORT, { ...options });
}
