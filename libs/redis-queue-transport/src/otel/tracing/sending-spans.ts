import { SpanKind, context, propagation } from '@opentelemetry/api';
import type { Span, Tracer } from '@opentelemetry/api';
import type { ObservedMessage, RedisQueueObserver } from '../../index.js';
import { ATTRIBUTES, SYSTEM } from '../conventions/attributes.js';
import { baggageHeaders } from './baggage.js';
import { failSpan } from './span-attributes.js';
import { redriverHeaders, traceHeaders } from './trace-context.js';

type Headers = Readonly<Record<string, string>>;

/** One span for one call of a client, and how many of its messages have not ended. */
interface Sending {
  readonly span: Span;
  readonly headers: Headers | undefined;
  count: number;
  open: number;
}

/**
 * The spans of what a client sends, in the context of its callers. A call of `enqueueMany` or `emitMany` has one span,
 * with the number of its messages. The span of a request lasts until its last reply.
 */
export class SendingSpans implements Required<
  Pick<RedisQueueObserver, 'sending' | 'sent' | 'sendFailed' | 'replied' | 'abandoned'>
> {
  /** By message, or by the object that several messages share. */
  readonly #sendings = new WeakMap<object, Sending>();

  constructor(
    private readonly tracer: Tracer,
    private readonly hasBaggage: boolean,
  ) {}

  sending(message: ObservedMessage): Headers | undefined {
    const key = keyOf(message);
    let sending = this.#sendings.get(key);
    if (sending === undefined) this.#sendings.set(key, (sending = this.#begin(message)));
    sending.count += 1;
    sending.open += 1;
    return sending.headers;
  }

  #begin({ verb, queue, id, many }: ObservedMessage): Sending {
    const caller = context.active();
    const attributes = {
      [ATTRIBUTES.system]: SYSTEM,
      [ATTRIBUTES.operationName]: verb,
      [ATTRIBUTES.operationType]: 'send',
      [ATTRIBUTES.destination]: queue,
      ...(many === undefined ? { [ATTRIBUTES.messageId]: id } : {}),
    };
    const options = { kind: SpanKind.PRODUCER, attributes };
    const span = this.tracer.startSpan(`${verb} ${queue}`, options, caller);
    // A dead letter stays in the trace in which it was sent first, and is linked to this span.
    if (verb === 'redrive') {
      const redriver = redriverHeaders(span.spanContext());
      return { span, headers: redriver, count: 0, open: 0 };
    }
    const headers = traceHeaders(span.spanContext());
    const baggage = this.hasBaggage ? baggageHeaders(propagation.getBaggage(caller)) : undefined;
    return {
      span,
      headers: baggage === undefined ? headers : { ...headers, ...baggage },
      count: 0,
      open: 0,
    };
  }

  sent(message: ObservedMessage): void {
    if (message.verb !== 'send') this.#end(message);
  }

  sendFailed(message: ObservedMessage, { error }: { readonly error: unknown }): void {
    if (message.verb !== 'send') this.#end(message, error);
  }

  replied(message: ObservedMessage, { error }: { readonly error: unknown }): void {
    this.#end(message, error);
  }

  abandoned(message: ObservedMessage): void {
    this.#end(message);
  }

  #end(message: ObservedMessage, error?: unknown): void {
    const key = keyOf(message);
    const sending = this.#sendings.get(key);
    if (sending === undefined) return;
    const { span, count } = sending;
    if (error !== undefined && error !== null) failSpan(span, error);
    sending.open -= 1;
    if (sending.open > 0) return;
    if (message.many !== undefined) span.setAttribute(ATTRIBUTES.messageCount, count);
    span.end();
    this.#sendings.delete(key);
  }
}

function keyOf(message: ObservedMessage): object {
  return message.many ?? message;
}
