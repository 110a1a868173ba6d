import { EventPattern, MessagePattern } from '@nestjs/microservices';
import type { RedisQueueEventOptions } from '../options/event-options.js';
import type { OptionsOf } from '../options/option-table.js';
import type { RedisQueueHandlerOptions } from '../options/options.js';
import { REDIS_QUEUE_TRANSPORT } from './transport-id.js';

/** An object of strings, numbers and the like. */
interface PatternObject {
  readonly [key: string]: string | number | boolean | null | PatternObject;
}

/** A string, a number, or an object of these. */
export type RedisQueuePattern = string | number | PatternObject;

type NoneOf<Names extends string> = Partial<Readonly<Record<Names, undefined>>>;

/** Options that decide whether an event handler is durable. */
type Choice = 'durable' | 'group';

/** Every running replica hears the event. */
type LiveEventOptions = Pick<RedisQueueEventOptions, Exclude<OptionsOf<'live'>, Choice>> & {
  readonly durable?: false | undefined;
  readonly group?: undefined;
} & NoneOf<Exclude<keyof RedisQueueEventOptions, OptionsOf<'live'> | Choice>>;

/** One replica of the group handles the event. */
type DurableEventOptions = Pick<RedisQueueEventOptions, Exclude<OptionsOf<'durable'>, Choice>> &
  NoneOf<Exclude<keyof RedisQueueEventOptions, OptionsOf<'durable'>>> &
  (
    | { readonly group: string; readonly durable?: true | undefined }
    | { readonly durable: true; readonly group?: string | undefined }
  );

/** Options of an event handler: with `group` or `durable` those of a queue, otherwise those of live events. */
export type RedisQueueEventHandlerOptions = LiveEventOptions | DurableEventOptions;

/**
 * `@MessagePattern(pattern, REDIS_QUEUE_TRANSPORT, options)`, with options that the compiler checks. Handles messages
 * that `enqueue` and `send` send to the pattern.
 */
export function RedisQueueMessage(
  pattern: RedisQueuePattern,
  options: RedisQueueHandlerOptions = {},
): MethodDecorator {
  return MessagePattern(pattern, REDIS_QUEUE_TRANSPORT, { ...options });
}

/**
 * `@EventPattern(pattern, REDIS_QUEUE_TRANSPORT, options)`, with options that the compiler checks. Handles events that
 * `emit` sends; the pattern may have wildcards.
 */
export function RedisQueueEvent(
  pattern: RedisQueuePattern,
  options: RedisQueueEventHandlerOptions = {},
): MethodDecorator {
  return EventPattern<RedisQueuePattern>(pattern, REDIS_QUEUE_TRANSPORT, { ...options });
}
