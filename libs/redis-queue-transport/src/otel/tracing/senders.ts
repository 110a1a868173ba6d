import { ROOT_CONTEXT, propagation, trace } from '@opentelemetry/api';
import type { Context, Link, SpanContext } from '@opentelemetry/api';
import type { ObservedDelivery } from '../../index.js';
import { baggageOfHeaders } from './baggage.js';
import { redriverOfHeaders, spanOfHeaders } from './trace-context.js';

/**
 * The senders of what a handler gets: the parent of its span or, with messages of several senders, links. A span that
 * redrove them is always linked.
 */
export interface Senders {
  readonly parent: Context;
  readonly links: Link[];
}

export function sendersOf(deliveries: readonly ObservedDelivery[], hasBaggage: boolean): Senders {
  const spans = new Map<string, SpanContext>();
  let isUnknown = false;
  for (const { headers } of deliveries) {
    const span = spanOfHeaders(headers);
    if (span === undefined) isUnknown = true;
    else spans.set(`${span.traceId}-${span.spanId}`, span); // other programs write traces, so these may share an id
  }
  const redrivers = linksTo(deliveries.map(({ headers }) => redriverOfHeaders(headers)));
  const [one, ...others] = spans.values();
  if (one === undefined) return { parent: baggageOf(deliveries, hasBaggage), links: redrivers };
  if (others.length > 0 || isUnknown)
    return { parent: ROOT_CONTEXT, links: [...linksTo([...spans.values()]), ...redrivers] };
  return { parent: trace.setSpanContext(baggageOf(deliveries, hasBaggage), one), links: redrivers };
}

function linksTo(spans: readonly (SpanContext | undefined)[]): Link[] {
  return spans.flatMap((context) => (context === undefined ? [] : [{ context }]));
}

/** Baggage belongs to one message: a handler of several has none. */
function baggageOf(deliveries: readonly ObservedDelivery[], hasBaggage: boolean): Context {
  const [first, ...others] = deliveries;
  if (!hasBaggage || first === undefined || others.length > 0) return ROOT_CONTEXT;
  const baggage = baggageOfHeaders(first.headers);
  return baggage === undefined ? ROOT_CONTEXT : propagation.setBaggage(ROOT_CONTEXT, baggage);
}
