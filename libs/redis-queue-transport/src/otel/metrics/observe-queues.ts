import { diag, metrics } from '@opentelemetry/api';
import type { BatchObservableCallback, MeterProvider } from '@opentelemetry/api';
import { messageOf } from '../../core/errors/message-of.js';
import type { RedisQueueAdmin, RedisQueueName } from '../../index.js';
import { SCOPE } from '../conventions/attributes.js';
import { pause } from '../../core/process/pause.js';
import { nodeRuntime } from '../../core/process/node-runtime.js';
import { QueueGauges } from './queue-gauges.js';

export interface ObserveQueuesOptions {
  /**
   * Which queues to observe. Default: all that were ever sent to or served; the first 1,000 have names of their own.
   */
  readonly queues?: readonly RedisQueueName[] | undefined;
  /** Default: the global one, as it is registered when this is called. */
  readonly meterProvider?: MeterProvider | undefined;
}

/** How long reading metrics waits for Redis. All other metrics are read even if it is away. */
const WAIT_MS = 2_000;

/**
 * Shows how long queues are, how old the oldest of their first messages is, and so on, each time metrics are read. Costs Redis one
 * call, and two for each queue, however long it is. One process of all is enough, since all show the same. While Redis
 * does not respond, values are NaN, and `redis_queue.reachable` is 0. If a single queue cannot be looked at, its values
 * are NaN or missing, and the reason goes to OpenTelemetry's `diag`.
 *
 * @returns a function that stops it
 */
export function observeQueues(
  admin: RedisQueueAdmin,
  { queues, meterProvider = metrics.getMeterProvider() }: ObserveQueuesOptions = {},
): () => void {
  const meter = meterProvider.getMeter(SCOPE);
  const gauges = new QueueGauges(meter);
  const observe: BatchObservableCallback = async (result) => {
    try {
      const seen = await soon(admin.overview(queues));
      gauges.show(seen.queues, result);
      for (const { error } of seen.unreadable)
        diag.warn(`A queue cannot be observed: ${messageOf(error)}`);
    } catch (error) {
      gauges.showNothing(result);
      diag.warn(`Queues cannot be observed: ${messageOf(error)}`);
    }
  };
  meter.addBatchObservableCallback(observe, gauges.all);
  return () => meter.removeBatchObservableCallback(observe, gauges.all);
}

/** @throws Error if Redis takes longer */
async function soon<T>(look: Promise<T>): Promise<T> {
  const given = new AbortController();
  try {
    const late = pause(WAIT_MS, given.signal, nodeRuntime).then(() => undefined);
    const seen = await Promise.race([look.then((value) => ({ value })), late]);
    if (seen !== undefined) return seen.value;
    throw new Error(`Redis took longer than ${WAIT_MS} ms to show its queues.`);
  } finally {
    given.abort();
  }
}
