import { diag, metrics } from '@opentelemetry/api';
import type {
  Attributes,
  BatchObservableCallback,
  BatchObservableResult,
  Meter,
  MeterProvider,
  ObservableGauge,
} from '@opentelemetry/api';
import { messageOf } from '../../core/errors/message-of.js';
import type { QueueOverview, RedisQueueAdmin, RedisQueueName } from '../../index.js';
import { ATTRIBUTES, SCOPE, SYSTEM } from '../conventions/attributes.js';
import { pause } from '../../core/process/pause.js';
import { nodeRuntime } from '../../core/process/node-runtime.js';
import { Series } from './series.js';

export interface ObserveQueuesOptions {
  /**
   * Which queues to observe. Default: all that were ever sent to or served; the first 1,000 have names of their own.
   */
  readonly queues?: readonly RedisQueueName[] | undefined;
  /** Default: the global one, as it is registered when this is called. */
  readonly meterProvider?: MeterProvider | undefined;
}

const MS_PER_S = 1_000;
/** How long reading metrics waits for Redis. All other metrics are read even if it is away. */
const WAIT_MS = 2_000;

interface Shown {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  /** Undefined if it is not known. */
  readonly value: (queue: QueueOverview) => number | undefined;
}

const messages = (
  name: string,
  description: string,
  value: (queue: QueueOverview) => number,
): Shown => ({ name, unit: '{message}', description, value });

const GAUGES: readonly Shown[] = [
  messages(
    'redis_queue.waiting',
    'Messages that wait, without those in lanes.',
    ({ waiting }) => waiting,
  ),
  messages(
    'redis_queue.in_lanes',
    'Messages that wait behind another message of their key.',
    ({ inLanes }) => inLanes,
  ),
  messages('redis_queue.held', 'Messages that consumers hold.', ({ processing }) => processing),
  messages('redis_queue.delayed', 'Messages that are not due yet.', ({ delayed }) => delayed),
  messages('redis_queue.dead', 'Dead letters.', ({ dead }) => dead),
  messages(
    'redis_queue.suspects',
    'Messages that were running when a process died.',
    ({ suspects }) => suspects,
  ),
  {
    name: 'redis_queue.oldest_age',
    unit: 's',
    description: 'Age of the message that is handed out next; 0 if none waits.',
    value: ({ waiting, oldestAgeMs }) =>
      waiting === 0 ? 0 : oldestAgeMs === undefined ? undefined : oldestAgeMs / MS_PER_S,
  },
  {
    name: 'redis_queue.consumers',
    unit: '{consumer}',
    description: 'Consumers that have a lease.',
    value: ({ consumers }) => consumers,
  },
  {
    name: 'redis_queue.paused',
    unit: '1',
    description: '1 while the queue is paused.',
    value: ({ isPaused }) => (isPaused ? 1 : 0),
  },
];

/**
 * Shows how long queues are, how old their next message is, and so on, each time metrics are read. Costs Redis one
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

class QueueGauges {
  readonly #series = new Series();
  readonly #gauges: readonly (readonly [Shown, ObservableGauge])[];
  readonly #reachable: ObservableGauge;
  /** The series shown last: one that is not observed again would keep its value. */
  readonly #shown = new Set<Attributes>();

  constructor(meter: Meter) {
    this.#gauges = GAUGES.map((shown) => {
      const { name, unit, description } = shown;
      return [shown, meter.createObservableGauge(name, { unit, description })];
    });
    this.#reachable = meter.createObservableGauge('redis_queue.reachable', {
      unit: '1',
      description: '1 while Redis lets queues be looked at.',
    });
  }

  get all(): ObservableGauge[] {
    return [this.#reachable, ...this.#gauges.map(([, gauge]) => gauge)];
  }

  show(queues: readonly QueueOverview[], result: BatchObservableResult): void {
    result.observe(this.#reachable, 1, { [ATTRIBUTES.system]: SYSTEM });
    const gone = new Set(this.#shown);
    for (const queue of queues) {
      const attributes = this.#series.ofQueue(queue.queue);
      this.#shown.add(attributes);
      gone.delete(attributes);
      for (const [{ value }, gauge] of this.#gauges)
        result.observe(gauge, value(queue) ?? NaN, attributes);
    }
    this.#showUnknown(gone, result);
  }

  showNothing(result: BatchObservableResult): void {
    result.observe(this.#reachable, 0, { [ATTRIBUTES.system]: SYSTEM });
    this.#showUnknown(this.#shown, result);
  }

  #showUnknown(queues: ReadonlySet<Attributes>, result: BatchObservableResult): void {
    for (const attributes of queues)
      for (const [, gauge] of this.#gauges) result.observe(gauge, NaN, attributes);
  }
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
