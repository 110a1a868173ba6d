import type { Attributes, Counter, Histogram, Meter, UpDownCounter } from '@opentelemetry/api';

/** The buckets of the messaging conventions, in seconds. */
const BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** What is counted and timed in this process. The names that begin with `redis_queue` are our own. */
export interface Instruments {
  readonly sent: Counter;
  readonly sending: Histogram;
  readonly requests: Histogram;
  readonly consumed: Counter;
  readonly processing: Histogram;
  readonly running: UpDownCounter;
  readonly retried: Counter;
  readonly redelivered: Counter;
  readonly deadLettered: Counter;
  readonly skipped: Counter;
  readonly deadLettersDropped: Counter;
  readonly eventsLost: Counter;
  readonly leasesLost: Counter;
  readonly slowed: UpDownCounter;
  readonly callsFailed: Counter;
}

export function instrumentsOf(meter: Meter): Instruments {
  const counter = (name: string, unit: string, description: string): Counter =>
    meter.createCounter<Attributes>(name, { unit, description });
  const upDown = (name: string, unit: string, description: string): UpDownCounter =>
    meter.createUpDownCounter<Attributes>(name, { unit, description });
  const seconds = (name: string, description: string): Histogram =>
    meter.createHistogram<Attributes>(name, {
      unit: 's',
      description,
      advice: { explicitBucketBoundaries: BUCKETS_S },
    });
  return {
    sent: counter(
      'messaging.client.sent.messages',
      '{message}',
      'Messages that clients sent, or failed to send.',
    ),
    sending: seconds('messaging.client.operation.duration', 'Time until Redis held a message.'),
    requests: seconds('redis_queue.request.duration', 'Time until a request had its last reply.'),
    consumed: counter(
      'messaging.client.consumed.messages',
      '{message}',
      'Messages and events for which a handler began.',
    ),
    processing: seconds('messaging.process.duration', 'Time that handlers ran.'),
    running: upDown(
      'redis_queue.running.messages',
      '{message}',
      'Messages and events whose handlers run in this process.',
    ),
    retried: counter(
      'redis_queue.retried.messages',
      '{message}',
      'Messages that run again because their handler failed, or asked for it.',
    ),
    redelivered: counter(
      'redis_queue.redelivered.messages',
      '{message}',
      'Messages handed out again because a process died, or stopped before they had ended.',
    ),
    deadLettered: counter('redis_queue.dead_lettered.messages', '{message}', 'New dead letters.'),
    skipped: counter(
      'redis_queue.skipped.messages',
      '{message}',
      'Messages that were not run: expired, or already handled.',
    ),
    deadLettersDropped: counter(
      'redis_queue.dropped.dead_letters',
      '{message}',
      'Dead letters that exceeded a bound and are lost.',
    ),
    eventsLost: counter(
      'redis_queue.lost.events',
      '{event}',
      'Live events that their handlers missed for good.',
    ),
    leasesLost: counter('redis_queue.lost.leases', '{lease}', 'Leases that consumers lost.'),
    slowed: upDown(
      'redis_queue.slowed.queues',
      '{queue}',
      'Queues that this process slows down, since nearly every attempt fails.',
    ),
    callsFailed: counter(
      'redis_queue.failed.calls',
      '{call}',
      'Calls to Redis that failed in the background and are tried again.',
    ),
  };
}
