import { SpanKind, trace } from '@opentelemetry/api';
import type { Attributes, Context, Span, Tracer } from '@opentelemetry/api';
import { performance } from 'node:perf_hooks';
import type { HandlerEnd, ObservedDelivery } from '../../index.js';
import { ATTRIBUTES } from '../conventions/attributes.js';
import { destinationOf } from '../conventions/destination.js';
import { sendersOf } from './senders.js';
import { attributesOf, attributesOfMessages, failSpan } from './span-attributes.js';

/** Messages that are settled in the same way. */
interface Settling {
  readonly deliveries: ObservedDelivery[];
  readonly attributes: Attributes;
  readonly error: unknown;
}

/** What is known of a message's end before Redis has settled it. */
export interface Ending {
  readonly attributes: Attributes;
  /** Undefined if it did not fail for good. */
  readonly error?: unknown;
}

const NOTHING_SPECIAL: Ending = { attributes: {} };

/**
 * One message, or the messages of one batch, on their way through a handler: the span of the handler's work and, within it,
 * one for each way in which they are settled.
 */
export class Handling {
  /** The context in which the handler runs. */
  readonly context: Context;
  readonly #name: string;
  readonly #attributes: Attributes;
  readonly #endings = new Map<ObservedDelivery, Ending>();
  readonly #settlings = new Map<string, Settling>();
  /** The span of the handler; undefined if none runs. */
  #span: Span | undefined;
  readonly #isSingle: boolean;
  #running: number;
  #unsettled: number;
  /** By `performance.now()`. */
  #settlesFrom = performance.now();

  constructor(
    private readonly tracer: Tracer,
    deliveries: readonly [ObservedDelivery, ...ObservedDelivery[]],
    hasBaggage: boolean,
    isRun: boolean,
  ) {
    const destination = destinationOf(deliveries[0]);
    const { parent, links } = sendersOf(deliveries, hasBaggage);
    this.#name = destination.template ?? destination.name;
    this.#attributes = attributesOf(destination);
    this.#isSingle = deliveries.length === 1;
    this.#running = deliveries.length;
    this.#unsettled = deliveries.length;
    this.context = parent;
    if (!isRun) return;
    const attributes = {
      ...this.#attributes,
      [ATTRIBUTES.operationName]: 'process',
      [ATTRIBUTES.operationType]: 'process',
      ...attributesOfMessages(deliveries),
    };
    const options = { kind: SpanKind.CONSUMER, attributes, links };
    this.#span = tracer.startSpan(`process ${this.#name}`, options, parent);
    this.context = trace.setSpan(parent, this.#span);
  }

  /** The handler has ended for one of the messages. */
  ended({ outcome, error, counts }: HandlerEnd): void {
    const span = this.#span;
    if (span === undefined) return;
    if (error !== undefined) failSpan(span, error);
    if (!counts) span.setAttribute(ATTRIBUTES.counts, false);
    this.#running -= 1;
    if (this.#running > 0) return;
    // The messages of a batch may have different outcomes.
    if (this.#isSingle) span.setAttribute(ATTRIBUTES.outcome, outcome);
    this.#endSpan();
  }

  #endSpan(): void {
    this.#span?.end();
    this.#span = undefined;
    this.#settlesFrom = performance.now();
  }

  /** Notes more about how this message ends. */
  ends(delivery: ObservedDelivery, ending: Ending): void {
    this.#endings.set(delivery, ending);
  }

  /** Redis has settled this one. */
  settled(delivery: ObservedDelivery, kind: string): void {
    // It was handed back while its handler runs: the end of the handler no longer counts, and may never come.
    if (kind === 'release') this.#endSpan();
    const { attributes, error } = this.#endings.get(delivery) ?? NOTHING_SPECIAL;
    const settling = this.#settlings.get(kind);
    if (settling === undefined)
      this.#settlings.set(kind, { deliveries: [delivery], attributes, error });
    else settling.deliveries.push(delivery);
    this.#unsettled -= 1;
    if (this.#unsettled > 0) return;
    for (const [name, one] of this.#settlings) this.#traceSettling(name, one);
  }

  #traceSettling(kind: string, { deliveries, attributes, error }: Settling): void {
    const options = {
      kind: SpanKind.CLIENT,
      startTime: this.#settlesFrom,
      attributes: {
        ...this.#attributes,
        [ATTRIBUTES.operationName]: kind,
        [ATTRIBUTES.operationType]: 'settle',
        ...attributesOfMessages(deliveries),
        ...attributes,
      },
    };
    const span = this.tracer.startSpan(`${kind} ${this.#name}`, options, this.context);
    if (error !== undefined) failSpan(span, error);
    span.end();
  }
}
