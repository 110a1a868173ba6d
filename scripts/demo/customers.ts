import type { Ledger } from './ledger.js';

import { sendOrders, type Answer } from './order-sender.js';
import type { Shop } from './shop.js';
import { check } from './unexpected.js';

/** Orders that are being posted side by side. */
export interface Burst {
  readonly count: number;
  /** The answers so far. */
  readonly tally: Tally;
  /** Resolves when all are answered; rejects only if the signal fires. */
  readonly answered: Promise<void>;
}

export interface Tally {
  accepted: number;
  refused: number;
  failed: number;
  /** Posted more than once, because there was no answer. */
  sentAgain: number;
}

/** Requests that are open at a time: more orders than inventory-service can handle at once. */
const POST_CONCURRENCY = 16;

/** The customers. Each answer goes into the ledger. */
export class Customers {
  readonly #orders: Iterator<string>;

  constructor(
    private readonly shop: Shop,
    private readonly ledger: Ledger,
    orders: Iterable<string>,
    private readonly signal: AbortSignal,
  ) {
    this.#orders = orders[Symbol.iterator]();
  }

  /** Posts the next orders of the file. */
  burst(count: number): Burst {
    const orders = Array.from({ length: count }, () => this.#orders.next())
      .filter((next) => next.done !== true)
      .map(({ value }) => value);
    const tally: Tally = { accepted: 0, refused: 0, failed: 0, sentAgain: 0 };
    const answered = this.#post(orders, (answer, times) => {
      tally[answer.kind] += 1;
      if (times > 1) tally.sentAgain += 1;
    });
    answered.catch(() => undefined); // a step that ends early does not wait for it
    return { count: orders.length, tally, answered };
  }

  /** Posts one more order until it is answered. Resolves with the order's id. */
  async order(sku: string, payment: 'card' | 'transfer'): Promise<string> {
    const customer = { name: 'Grace Hopper', email: 'grace@mail.example' };
    const order = JSON.stringify({ customer, payment, lines: [{ sku, quantity: 1 }] });
    let answer: Answer | undefined;
    await this.#post([order], (given) => (answer = given));
    check(answer?.kind === 'accepted', `an order was answered: ${JSON.stringify(answer)}`);
    return answer.orderId;
  }

  #post(
    orders: readonly string[],
    onAnswer: (answer: Answer, times: number) => void,
  ): Promise<void> {
    return sendOrders({
      addresses: () => this.shop.addresses,
      orders,
      concurrency: POST_CONCURRENCY,
      signal: this.signal,
      onAnswer: (answer, times) => {
        this.ledger.record(answer, times);
        onAnswer(answer, times);
      },
    });
  }
}

export function describeTally({ accepted, refused, sentAgain }: Tally): string {
  const again = sentAgain === 0 ? '' : `, ${sentAgain} posted again because there was no answer`;
  return `${accepted} accepted, ${refused} refused${again}`;
}
