import type { Attributes, BatchObservableResult, Meter, ObservableGauge } from '@opentelemetry/api';
import { boundedLength, isAtRate, isAtRunning } from '../../core/admin/limit-state.js';
import { USUAL_PRIORITY } from '../../core/message/priority.js';
import type { QueueOverview } from '../../index.js';
import { ATTRIBUTES, SYSTEM } from '../conventions/attributes.js';
import { Series } from './series.js';

const MS_PER_S = 1_000;

interface Shown {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  /** Undefined if it is not known. */
  readonly value: (queue: QueueOverview) => number | undefined;
  /** Whether queues for which it was never known have no series. */
  readonly isOptional?: boolean;
}

const messages = (
  name: string,
  description: string,
  value: (queue: QueueOverview) => number,
): Shown => ({ name, unit: '{message}', description, value });

const yesOrNo = (
  name: string,
  description: string,
  value: (queue: QueueOverview) => boolean,
): Shown => ({ name, unit: '1', description, value: (queue) => (value(queue) ? 1 : 0) });

const GAUGES: readonly Shown[] = [
  messages(
    'redis_queue.waiting',
    'Messages that wait, without those in lanes or without a key yet.',
    ({ waiting }) => waiting,
  ),
  messages(
    'redis_queue.in_lanes',
    'Messages that wait behind another message of their key.',
    ({ inLanes }) => inLanes,
  ),
  messages(
    'redis_queue.unkeyed',
    'Messages that wait for their key to be read.',
    ({ unkeyed }) => unkeyed,
  ),
  {
    name: 'redis_queue.lanes',
    unit: '{key}',
    description: 'Keys of which messages wait behind another one.',
    value: ({ lanes }) => lanes,
  },
  messages(
    'redis_queue.longest_lane',
    'Messages that wait behind another one of the key with most of them.',
    ({ longestLane }) => longestLane,
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
    description: 'Age of the oldest message that is first in its list; 0 if none waits.',
    value: ({ waiting, inLanes, oldestAgeMs }) =>
      waiting + inLanes === 0 ? 0 : oldestAgeMs === undefined ? undefined : oldestAgeMs / MS_PER_S,
  },
  {
    name: 'redis_queue.consumers',
    unit: '{consumer}',
    description: 'Consumers that have a lease.',
    value: ({ consumers }) => consumers,
  },
  yesOrNo('redis_queue.paused', '1 while the queue is paused.', ({ isPaused }) => isPaused),
  yesOrNo(
    'redis_queue.limited',
    '1 while the limit of the queue holds messages back.',
    (queue) => isAtRunning(queue) || isAtRate(queue),
  ),
  yesOrNo(
    'redis_queue.slowed_down',
    '1 while nothing starts since a handler threw SlowDown.',
    ({ slowedMs }) => slowedMs > 0,
  ),
  yesOrNo(
    'redis_queue.full',
    '1 while as many messages wait as maxLength allows, so that senders are refused.',
    ({ isFull }) => isFull,
  ),
  {
    name: 'redis_queue.utilization',
    unit: '1',
    description: 'What waits as a fraction of maxLength, for queues that have one.',
    value: (queue) =>
      queue.maxLength === undefined ? undefined : boundedLength(queue) / queue.maxLength,
    isOptional: true,
  },
];

/** What `observeQueues` shows. A series that was shown once is always shown: otherwise it would keep its value. */
export class QueueGauges {
  readonly #series = new Series();
  readonly #gauges: readonly (readonly [Shown, ObservableGauge])[];
  readonly #byPriority: ObservableGauge;
  readonly #reachable: ObservableGauge;
  /** The series of queues that were shown. */
  readonly #shown = new Set<Attributes>();
  readonly #optional = new Map<Shown, Set<Attributes>>();
  /** By queue, those of each priority that was in use. */
  readonly #priorities = new Map<Attributes, Map<number, Attributes>>();

  constructor(meter: Meter) {
    this.#gauges = GAUGES.map((shown) => {
      const { name, unit, description } = shown;
      return [shown, meter.createObservableGauge(name, { unit, description })];
    });
    this.#byPriority = meter.createObservableGauge('redis_queue.waiting_by_priority', {
      unit: '{message}',
      description: 'Messages that wait, by their priority, of queues that have several.',
    });
    this.#reachable = meter.createObservableGauge('redis_queue.reachable', {
      unit: '1',
      description: '1 while Redis lets queues be looked at.',
    });
  }

  get all(): ObservableGauge[] {
    return [this.#reachable, this.#byPriority, ...this.#gauges.map(([, gauge]) => gauge)];
  }

  show(queues: readonly QueueOverview[], result: BatchObservableResult): void {
    result.observe(this.#reachable, 1, { [ATTRIBUTES.system]: SYSTEM });
    const gone = new Set(this.#shown);
    for (const queue of queues) {
      const attributes = this.#series.ofQueue(queue.queue);
      this.#shown.add(attributes);
      gone.delete(attributes);
      for (const [shown, gauge] of this.#gauges) {
        const value = shown.value(queue);
        if (this.#isShown(shown, attributes, value))
          result.observe(gauge, value ?? NaN, attributes);
      }
      this.#showPriorities(attributes, queue.byPriority, result);
    }
    this.#showUnknown(gone, result);
  }

  showNothing(result: BatchObservableResult): void {
    result.observe(this.#reachable, 0, { [ATTRIBUTES.system]: SYSTEM });
    this.#showUnknown(this.#shown, result);
  }

  #showUnknown(queues: ReadonlySet<Attributes>, result: BatchObservableResult): void {
    for (const attributes of queues) {
      for (const [shown, gauge] of this.#gauges)
        if (this.#isShown(shown, attributes, undefined)) result.observe(gauge, NaN, attributes);
      for (const series of this.#priorities.get(attributes)?.values() ?? [])
        result.observe(this.#byPriority, NaN, series);
    }
  }

  #isShown(shown: Shown, attributes: Attributes, value: number | undefined): boolean {
    if (shown.isOptional !== true) return true;
    const known = this.#optional.get(shown) ?? new Set();
    this.#optional.set(shown, known);
    if (value !== undefined) known.add(attributes);
    return known.has(attributes);
  }

  /** Only the priorities in use, and only for queues with messages of another one than the usual. */
  #showPriorities(
    attributes: Attributes,
    counts: QueueOverview['byPriority'],
    result: BatchObservableResult,
  ): void {
    const inUse = Object.keys(counts).map(Number);
    const known = this.#priorities.get(attributes) ?? new Map<number, Attributes>();
    if (known.size === 0 && inUse.every((priority) => priority === USUAL_PRIORITY)) return;
    this.#priorities.set(attributes, known);
    for (const priority of inUse)
      if (!known.has(priority))
        known.set(priority, { ...attributes, [ATTRIBUTES.priority]: priority });
    for (const [priority, series] of known)
      result.observe(this.#byPriority, counts[priority] ?? 0, series);
  }
}
