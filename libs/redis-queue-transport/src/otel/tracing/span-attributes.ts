import { SpanStatusCode } from '@opentelemetry/api';
import type { Attributes, Span } from '@opentelemetry/api';
import type { ObservedDelivery } from '../../index.js';
import { ATTRIBUTES, SYSTEM } from '../conventions/attributes.js';
import type { Destination } from '../conventions/destination.js';
import { errorTypeOf } from '../conventions/error-type.js';

/** What every span of a server says. */
export function attributesOf({ name, template, group }: Destination): Attributes {
  return {
    [ATTRIBUTES.system]: SYSTEM,
    [ATTRIBUTES.destination]: name,
    ...(template === undefined ? {} : { [ATTRIBUTES.template]: template }),
    ...(group === undefined ? {} : { [ATTRIBUTES.group]: group }),
  };
}

/** What a span says of one message; of several, how many there are. */
export function attributesOfMessages(deliveries: readonly ObservedDelivery[]): Attributes {
  const [first, ...others] = deliveries;
  if (first === undefined || others.length > 0)
    return { [ATTRIBUTES.messageCount]: deliveries.length };
  return {
    ...(first.id === undefined ? {} : { [ATTRIBUTES.messageId]: first.id }),
    [ATTRIBUTES.attempt]: first.attempt,
  };
}

/** The span has failed. What the error says is left out, since it may quote data. */
export function failSpan(span: Span, error: unknown): void {
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.setAttribute(ATTRIBUTES.errorType, errorTypeOf(error));
}
