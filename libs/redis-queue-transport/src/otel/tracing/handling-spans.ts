import { context } from '@opentelemetry/api';
import type { Tracer } from '@opentelemetry/api';
import type { HandlerEnd, ObservedDelivery, RedisQueueObserver } from '../../index.js';
import { ATTRIBUTES } from '../conventions/attributes.js';
import { Handling } from './handling.js';
import type { Ending } from './handling.js';

type Methods = Required<RedisQueueObserver>;
type More<Event extends 'retried' | 'postponed' | 'deadLettered'> = Parameters<Methods[Event]>[1];

/** The spans of what a server handles and settles. A message that was taken, but neither runs nor fails, has none. */
export class HandlingSpans implements Pick<
  RedisQueueObserver,
  'run' | 'ended' | 'retried' | 'postponed' | 'deadLettered' | 'skipped' | 'settled'
> {
  readonly #handlings = new WeakMap<ObservedDelivery, Handling>();

  constructor(
    private readonly tracer: Tracer,
    private readonly hasBaggage: boolean,
  ) {}

  run(deliveries: readonly ObservedDelivery[], next: () => void): void {
    const [first, ...others] = deliveries;
    if (first === undefined) return next();
    const handling = new Handling(this.tracer, [first, ...others], this.hasBaggage, true);
    for (const delivery of deliveries) this.#handlings.set(delivery, handling);
    context.with(handling.context, next);
  }

  ended(delivery: ObservedDelivery, end: HandlerEnd): void {
    this.#handlings.get(delivery)?.ended(end);
  }

  retried(delivery: ObservedDelivery, { delayMs }: More<'retried'>): void {
    this.#ends(delivery, { attributes: { [ATTRIBUTES.delayMs]: delayMs } });
  }

  postponed(delivery: ObservedDelivery, { delayMs }: More<'postponed'>): void {
    this.#ends(delivery, { attributes: { [ATTRIBUTES.delayMs]: delayMs } });
  }

  deadLettered(delivery: ObservedDelivery, { reason, error }: More<'deadLettered'>): void {
    this.#ends(delivery, { attributes: { [ATTRIBUTES.reason]: reason }, error });
  }

  skipped(delivery: ObservedDelivery, why: string): void {
    // Nobody holds a live event: there is nothing to settle.
    if (!delivery.isLive) this.#ends(delivery, { attributes: { [ATTRIBUTES.reason]: why } });
  }

  #ends(delivery: ObservedDelivery, ending: Ending): void {
    let handling = this.#handlings.get(delivery);
    if (handling === undefined) {
      handling = new Handling(this.tracer, [delivery], this.hasBaggage, false);
      this.#handlings.set(delivery, handling);
    }
    handling.ends(delivery, ending);
  }

  settled(delivery: ObservedDelivery, as: string): void {
    this.#handlings.get(delivery)?.settled(delivery, as);
  }
}
