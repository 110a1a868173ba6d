import { InvalidOptionError } from '../../core/errors/errors.js';

/** Those of `RedisQueueEventOptions` that messages have not. */
const ONLY_FOR_EVENTS = ['group', 'durable', 'history', 'from', 'recover'] as const;

/** What live events have no use for: nothing of them waits in Redis, and none is tried again. */
const ONLY_FOR_QUEUES = ['batch', 'prefetch', 'leaseMs', 'retry', 'timeoutMs', 'once'] as const;

/** A message handler says nothing that is for events. @throws InvalidOptionError */
export function refuseEventOptions(extras: object, pattern: string): void {
  const option = firstGiven(ONLY_FOR_EVENTS, extras);
  if (option === undefined) return;
  throw new InvalidOptionError(
    option,
    `${option} is for events, and the handler of "${pattern}" is one of messages: use @EventPattern and emit()`,
  );
}

/** A handler of live events says nothing that would have no effect. @throws InvalidOptionError */
export function refuseQueueOptions(extras: object, pattern: string): void {
  const option = firstGiven(ONLY_FOR_QUEUES, extras);
  if (option === undefined) return;
  throw new InvalidOptionError(
    option,
    `${option} is for what waits in a queue, and the handler of "${pattern}" hears live events: ` +
      'use @MessagePattern and enqueue(), or give it a group',
  );
}

/** Says of a handler's option which handler it is: a server may have many. @throws what `resolve` throws */
export function resolvedFor<T>(pattern: string, resolve: () => T): T {
  try {
    return resolve();
  } catch (error) {
    const handler = `handler of "${pattern}"`;
    if (!(error instanceof InvalidOptionError) || error.message.includes(handler)) throw error;
    throw new InvalidOptionError(error.option, `${error.message} (${handler})`);
  }
}

function firstGiven(options: readonly string[], extras: object): string | undefined {
  return options.find((option) => Reflect.get(extras, option) !== undefined);
}
