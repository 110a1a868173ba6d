import { SpanStatusCode } from '@opentelemetry/api';
import type { Attributes, Span } from '@opentelemetry/api';
import type { ObservedDelivery } from '../../index.js';
import { ATTRIBUTES, SYSTEM } from '../conventions/attributes.js';
import type { Destination } from '../conventions/destination.js';
import { errorTypeOf } from '../conventions/error-type.js';

/** Attributes of every span of a server. */
export function attributesOf({ name, template, group }: Destination): Attributes {
  return {
    [ATTRIBUTES.system]: SYSTEM,
    [ATTRIBUTES.destination]: name,
    ...(template === undefined ? {} : { [ATTRIBUTES.template]: template }),
    ...(group === undefined ? {} : { [ATTRIBUTES.group]: group }),
  };
}

/** What a span says about one message; about several, their number. */
export function attributesOfMessages(deliveries: readonly ObservedDelivery[]): Attributes {
  const [first, ...others] = deliveries;
  if (first === undefined || others.length > 0)
    return { [ATTRIBUTES.messageCount]: deliveries.length };
  return {
    ...(first.id === undefined ? {} : { [ATTRIBUTES.messageId]: first.id }),
    [ATTRIBUTES.attempt]: first.attempt,
  };
}

/** Marks the span as failed. Leaves out the error's message, since it may quote data. */
export function failSpan(span: Span, error: unknown): void {
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.setAttribute(ATTRIBUTES.errorType, errorTypeOf(error));
}
