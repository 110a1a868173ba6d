import type { ListenerFailures } from './listener-failures.js';
import type { ObservedDelivery, ObservedMessage, RedisQueueObserver } from './observer.js';
import { isStringRecord } from '../message/header.js';
import { rejected } from '../errors/rejected.js';

type Headers = Readonly<Record<string, string>>;

/** Merges the headers that the observers add. Those of later observers replace those of earlier ones. */
export function headersOfAll(
  observers: readonly RedisQueueObserver[],
  failures: ListenerFailures,
): (message: ObservedMessage) => Headers | undefined {
  return (message) => {
    let all: Headers | undefined;
    for (const observer of observers) {
      try {
        // In JavaScript, this may return anything, even a promise that rejects later.
        const added: unknown = observer.sending?.(message);
        failures.watch(added);
        if (added === undefined) continue;
        if (added instanceof Promise || !isStringRecord(added)) throw new TypeError(WRONG_HEADERS);
        all = all === undefined ? added : { ...all, ...added };
      } catch (error) {
        failures.add(error);
      }
    }
    return all;
  };
}

const WRONG_HEADERS = 'It must return an object of strings or undefined, not a promise.';

/** Each observer runs the next one, and the last one the handler. Even if one fails, the handler runs exactly once. */
export function runInAll(
  observers: readonly RedisQueueObserver[],
  failures: ListenerFailures,
): (deliveries: readonly ObservedDelivery[], next: () => void) => void {
  const enter = (at: number, deliveries: readonly ObservedDelivery[], next: () => void): void => {
    const observer = observers[at];
    if (observer === undefined) return next();
    let isEntered = false;
    const inner = (): void => {
      if (isEntered) return;
      isEntered = true;
      enter(at + 1, deliveries, next);
    };
    try {
      failures.watch(observer.run?.(deliveries, inner));
    } catch (error) {
      failures.add(error);
    }
    inner();
  };
  return (deliveries, next) => enter(0, deliveries, next);
}

/** Runs a function in the async contexts that observers provide. */
export function runObserved<T>(
  observer: Pick<RedisQueueObserver, 'run'>,
  deliveries: readonly ObservedDelivery[],
  run: () => Promise<T>,
): Promise<T> {
  let running: Promise<T> | undefined;
  observer.run?.(deliveries, () => {
    running = attempt(run);
  });
  return running ?? attempt(run);
}

/** Turns a throw into a rejection, so that nobody takes it for a failure of an observer. */
function attempt<T>(run: () => Promise<T>): Promise<T> {
  try {
    return run();
  } catch (error) {
    return rejected(error);
  }
}
