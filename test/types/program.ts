/**
 * Code of users that must compile, or must not, with the strictest settings of TypeScript. It is never run: `tsc -b` is
 * the test.
 */
import type { INestMicroservice } from '@nestjs/common';
import { ClientProxy, Ctx, Payload } from '@nestjs/microservices';
import {
  RedisQueueContext,
  RedisQueueEvent,
  RedisQueueMessage,
  RedisQueueModule,
  RedisQueueRecord,
  RetryLater,
} from 'nestjs-redis-queue-transport';
import type {
  HandlerEnd,
  ObservedDelivery,
  RedisQueueAdmin,
  RedisQueueClient,
  RedisQueueError,
  RedisQueueErrorCode,
  RedisQueueEvents,
  RedisQueueObserver,
  RedisQueueServer,
} from 'nestjs-redis-queue-transport';
import { openTelemetryTraces } from 'nestjs-redis-queue-transport/otel';

class ConfigService {
  readonly url: string = 'redis://127.0.0.1:6379';
}

// The factory knows what is injected, with a type or without one.
RedisQueueModule.registerAsync({
  inject: [ConfigService],
  useFactory: (config: ConfigService) => ({ connection: config.url, server: {} }),
});
RedisQueueModule.registerAsync({
  inject: [ConfigService],
  useFactory: async (config) => ({ connection: (config as ConfigService).url }),
});

// Values that may be undefined may be given as undefined.
const maybe = [undefined, 5][0];
export const later = new RetryLater({ delayMs: maybe });
export const record = new RedisQueueRecord({}, { delayMs: maybe, id: undefined });
export const module = RedisQueueModule.register({ server: undefined, requestTimeoutMs: maybe });
export async function sendWithOptions(client: RedisQueueClient): Promise<void> {
  const options = { id: undefined, headers: undefined, expiresInMs: maybe };
  await client.enqueue('a', 1, { ...options, delayMs: maybe, deduplicateMs: maybe });
  await client.enqueueMany('a', [1], { delayMs: maybe, headers: { tenant: 'acme' } });
  const { groups } = await client.emit('a', 1, { ...options, isMandatory: true });
  await client.emitMany('a', [groups], { deduplicateMs: maybe });
  client.send<string>('a', 1, { ...options, timeoutMs: maybe, totalTimeoutMs: maybe }).subscribe();
  // @ts-expect-error: misspelt
  await client.enqueue('a', 1, { header: {} });
  // @ts-expect-error: a message is delayed, an event is not
  await client.emit('a', 1, { delayMs: 5 });
  // @ts-expect-error: nobody waits for an enqueued message
  await client.enqueue('a', 1, { timeoutMs: 5 });
  // @ts-expect-error: a request is not deduplicated
  client.send('a', 1, { id: 'a', deduplicateMs: 5 }).subscribe();
  // @ts-expect-error: one id for all
  await client.enqueueMany('a', [1], { id: 'a' });
  // Code that knows it as a ClientProxy calls it as before.
  const proxy: ClientProxy = client;
  proxy.send('a', 1).subscribe();
}
export const page = (admin: RedisQueueAdmin): Promise<unknown> =>
  admin.peek('mail.send', { limit: maybe, offset: maybe });

// Codes are literals, so a typo is found.
export function isWorthTrying({ code }: RedisQueueError): boolean {
  const known: RedisQueueErrorCode = code;
  // @ts-expect-error: there is no such code
  if (code === 'REDIS_UNAVAILIBLE') return false;
  return known === 'REDIS_UNAVAILABLE';
}

// The server and the app know events and their listeners.
export function listen(server: RedisQueueServer, app: INestMicroservice): void {
  server.on('gap', ({ pattern, missed }) => console.log(pattern.length + missed));
  app.on<RedisQueueEvents, 'gap'>('gap', ({ pattern }) => console.log(pattern.length));
  // @ts-expect-error: there is no such event
  server.on('ready', () => undefined);
}

// Decorators: any method, no type argument, and checked options.
export class Controller {
  @RedisQueueMessage('a')
  bare(): void {
    // Takes nothing.
  }

  @RedisQueueMessage({ cmd: 'sum' }, { concurrency: 1, retry: { attempts: 2 } })
  message(@Payload() data: number[], @Ctx() context: RedisQueueContext): number {
    return data.length + context.getAttempt();
  }

  @RedisQueueEvent('a', { concurrency: 5, history: { maxLength: 5 }, recover: { withinMs: 5 } })
  live(@Ctx() context: RedisQueueContext): string {
    return context.getPattern();
  }

  @RedisQueueEvent('a', { durable: true, retry: { attempts: 2 }, from: 'earliest' })
  durable(): void {
    // Takes nothing.
  }

  @RedisQueueEvent('a', { group: 'billing', once: { windowMs: 5 }, batch: { size: 5 } })
  ofGroup(@Payload() data: readonly unknown[]): number {
    return data.length;
  }

  // @ts-expect-error: misspelt
  @RedisQueueMessage('a', { concurency: 1 })
  // @ts-expect-error: a message has no group
  @RedisQueueMessage('a', { group: 'billing' })
  // @ts-expect-error: misspelt
  @RedisQueueEvent('a', { grup: 'billing' })
  // @ts-expect-error: live events are not tried again
  @RedisQueueEvent('a', { retry: { attempts: 2 } })
  // @ts-expect-error: a group misses nothing
  @RedisQueueEvent('a', { group: 'billing', recover: { withinMs: 5 } })
  // @ts-expect-error: lists of other programs feed handlers of messages
  @RedisQueueEvent('a', { group: 'billing', feedFrom: { list: 'theirs' } })
  // @ts-expect-error: a pattern cannot be a regular expression
  @RedisQueueMessage(/a/)
  wrong(): void {
    // Does not compile.
  }
}

// An observer has the methods that it needs, and a misspelt one is found where the object is written.
class Times implements RedisQueueObserver {
  ended({ id, attempt }: ObservedDelivery, { outcome, durationMs }: HandlerEnd): string {
    return `${id ?? ''} ${attempt} ${outcome} ${durationMs}`;
  }
}
RedisQueueModule.register({
  observers: [new Times(), { leaseLost: ({ queue, running }) => void (queue + running) }],
});
// @ts-expect-error: misspelt
RedisQueueModule.register({ observers: [{ endd: () => undefined }] });

// Two methods do more than listen.
RedisQueueModule.register({
  observers: [
    openTelemetryTraces({ baggage: undefined, tracerProvider: undefined }),
    { sending: ({ verb, id }) => ({ from: `${verb} ${id}` }), run: (_, next) => next() },
    { sending: () => undefined },
    // @ts-expect-error: headers are texts
    { sending: () => ({ retries: 1 }) },
  ],
});
