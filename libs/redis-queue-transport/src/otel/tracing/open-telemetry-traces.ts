import { trace } from '@opentelemetry/api';
import type { TracerProvider } from '@opentelemetry/api';
import type { RedisQueueObserver } from '../../index.js';
import { SCOPE } from '../conventions/attributes.js';
import { HandlingSpans } from './handling-spans.js';
import { SendingSpans } from './sending-spans.js';

export interface OpenTelemetryTracesOptions {
  /** Whether baggage travels in the header `baggage`. It may hold secrets, and every consumer can read it. Default: false. */
  readonly baggage?: boolean | undefined;
  /** Makes the spans. Default: the global provider, even if it is registered later. */
  readonly tracerProvider?: TracerProvider | undefined;
}

/**
 * An observer that makes spans of what is sent, handled and settled, and passes the trace on in the headers
 * `traceparent` and `tracestate`: `observers: [openTelemetryTraces()]`. Give it to clients and servers alike; one may
 * observe several. Spans contain no data, headers or error messages.
 */
export function openTelemetryTraces({
  baggage = false,
  tracerProvider,
}: OpenTelemetryTracesOptions = {}): RedisQueueObserver {
  const tracer = (tracerProvider ?? trace).getTracer(SCOPE);
  const sending = new SendingSpans(tracer, baggage);
  const handling = new HandlingSpans(tracer, baggage);
  return {
    sending: (message) => sending.sending(message),
    sent: (message) => sending.sent(message),
    sendFailed: (message, failure) => sending.sendFailed(message, failure),
    replied: (message, reply) => sending.replied(message, reply),
    abandoned: (message) => sending.abandoned(message),
    run: (deliveries, next) => handling.run(deliveries, next),
    ended: (delivery, end) => handling.ended(delivery, end),
    retried: (delivery, retry) => handling.retried(delivery, retry),
    postponed: (delivery, postponement) => handling.postponed(delivery, postponement),
    deadLettered: (delivery, letter) => handling.deadLettered(delivery, letter),
    skipped: (delivery, why) => handling.skipped(delivery, why),
    settled: (delivery, as) => handling.settled(delivery, as),
  };
}
