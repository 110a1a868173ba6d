import { type NewOrder, placeOrder } from './place-order.js';

export interface RushResult {
  accepted: number;
  refused: number;
  unanswered: number;
}

/** A browser opens six connections to a host, and the stream of the page has one of them. */
const TOGETHER = 5;

const names = [
  'Ada Lovelace',
  'Łukasz Żółć',
  'Müller & Söhne <GmbH>',
  'Олена Ґудзь',
  'Robert "Bob" Smith Jr.',
  'Nguyễn Thị Hương',
];

/** Many customers who order at once. */
export class Rush {
  readonly #result: RushResult = { accepted: 0, refused: 0, unanswered: 0 };
  #next = 0;

  constructor(
    private readonly size: number,
    private readonly skus: readonly string[],
  ) {}

  /** Resolves when each order was answered or given up. */
  async run(onAnswer: (answered: number) => void): Promise<RushResult> {
    const lane = async (): Promise<void> => {
      while (this.#next < this.size) {
        this.#next += 1;
        await this.#place(this.#order(this.#next));
        const { accepted, refused, unanswered } = this.#result;
        onAnswer(accepted + refused + unanswered);
      }
    };
    await Promise.all(Array.from({ length: TOGETHER }, lane));
    return this.#result;
  }

  async #place(order: NewOrder): Promise<void> {
    try {
      this.#result[(await placeOrder(order)).kind] += 1;
    } catch {
      // Counted, and reported when the rush is over.
      this.#result.unanswered += 1;
    }
  }

  #order(number: number): NewOrder {
    return {
      customer: {
        name: names[number % names.length] ?? 'Ada Lovelace',
        email: `customer-${number}@example.com`,
      },
      lines: [
        {
          sku: this.skus[Math.floor(Math.random() * this.skus.length)] ?? 'TEA-ASSAM-250',
          quantity: 1 + Math.floor(Math.random() * 3),
        },
      ],
      payment: 'card',
    };
  }
}
