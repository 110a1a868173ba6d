import { metrics } from '@opentelemetry/api';
import type { Attributes, MeterProvider } from '@opentelemetry/api';
import { RedisQueueError, RedisRefusedError } from '../../index.js';
import type { ObservedDelivery, ObservedMessage, RedisQueueObserver } from '../../index.js';
import { ATTRIBUTES, SCOPE } from '../conventions/attributes.js';
import { instrumentsOf } from './instruments.js';
import { Series } from './series.js';

export interface OpenTelemetryMetricsOptions {
  /** Default: the global one, as it is registered when this is called. */
  readonly meterProvider?: MeterProvider | undefined;
}

const { operationName, operationType, errorType, outcome, reason } = ATTRIBUTES;
const MS_PER_S = 1_000;

/**
 * An observer that counts and times what is sent and handled in this process: `observers: [openTelemetryMetrics()]`.
 * Give it to clients and servers alike; one may observe several. `observeQueues` measures how long queues are.
 *
 * docs/telemetry.md lists the metrics. Attributes are patterns, groups and reasons, never ids or data, and their values
 * are bounded: beyond 1,000 patterns, or 100 names of errors, they are `_OTHER`.
 */
export function openTelemetryMetrics({
  meterProvider = metrics.getMeterProvider(),
}: OpenTelemetryMetricsOptions = {}): RedisQueueObserver {
  const to = instrumentsOf(meterProvider.getMeter(SCOPE));
  const series = new Series();

  const of = ({ queue, isLive }: ObservedDelivery): Attributes =>
    isLive ? series.ofPattern(queue) : series.ofQueue(queue);

  const failed = (error: unknown): Attributes =>
    error === undefined ? {} : { [errorType]: series.errorType(error) };

  const sent = (message: ObservedMessage, durationMs: number, error: unknown): void => {
    const attributes = {
      ...series.ofPattern(message.queue),
      ...failed(error),
      [operationName]: message.verb,
    };
    to.sent.add(1, attributes);
    to.sending.record(durationMs / MS_PER_S, { ...attributes, [operationType]: 'send' });
  };

  return {
    sent: (message, { durationMs }) => sent(message, durationMs, undefined),
    sendFailed: (message, { durationMs, error }) => sent(message, durationMs, error ?? 'unknown'),
    replied: ({ queue }, { durationMs, error }) =>
      to.requests.record(durationMs / MS_PER_S, { ...series.ofPattern(queue), ...failed(error) }),

    began: (delivery) => {
      const attributes = of(delivery);
      to.consumed.add(1, { ...attributes, [operationName]: 'process' });
      to.running.add(1, attributes);
    },
    ended: (delivery, end) => {
      const attributes = of(delivery);
      to.running.add(-1, attributes);
      to.processing.record(end.durationMs / MS_PER_S, {
        ...attributes,
        ...failed(end.error),
        [operationName]: 'process',
        [outcome]: end.outcome,
      });
    },
    retried: (delivery, { error }) =>
      to.retried.add(1, { ...of(delivery), ...failed(error), [reason]: 'failed' }),
    postponed: (delivery) => to.retried.add(1, { ...of(delivery), [reason]: 'postponed' }),
    deadLettered: (delivery, letter) =>
      to.deadLettered.add(1, {
        ...of(delivery),
        ...failed(letter.error),
        [reason]: letter.reason,
      }),
    skipped: (delivery, why) => to.skipped.add(1, { ...of(delivery), [reason]: why }),

    leaseLost: ({ queue }) => to.leasesLost.add(1, series.ofQueue(queue)),
    reclaimed: ({ queue, deliveries }) =>
      to.redelivered.add(deliveries, { ...series.ofQueue(queue), [reason]: 'reclaimed' }),
    handedBack: ({ queue, deliveries }) =>
      to.redelivered.add(deliveries, { ...series.ofQueue(queue), [reason]: 'handedBack' }),
    deadLettersDropped: ({ queue, dropped }) =>
      to.deadLettersDropped.add(dropped, series.ofQueue(queue)),
    queueSlowed: ({ queue }) => to.slowed.add(1, series.ofQueue(queue)),
    queueRecovered: ({ queue }) => to.slowed.add(-1, series.ofQueue(queue)),
    eventsDropped: ({ pattern, dropped }) =>
      to.eventsLost.add(dropped, { ...series.ofPattern(pattern), [reason]: 'tooMany' }),
    gap: ({ pattern, missed }) =>
      to.eventsLost.add(missed, { ...series.ofPattern(pattern), [reason]: 'gap' }),
    callFailed: ({ queue, error }) =>
      to.callsFailed.add(1, {
        ...(queue !== undefined && series.ofQueue(queue)),
        [reason]: reasonOf(error, series),
      }),
  };
}

/** The first word of Redis's error if it refused the call. */
function reasonOf(error: unknown, series: Series): string {
  if (error instanceof RedisRefusedError) return error.reply;
  return error instanceof RedisQueueError ? error.code : series.errorType(error);
}
