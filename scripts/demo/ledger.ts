import type { Answer, SentOrder } from './order-sender.js';

/** What the demo itself knows: which orders it sent, and the answers. */
export class Ledger {
  readonly accepted = new Map<string, SentOrder>();
  /** Accepted orders that stay open for now; the story comes back to them. */
  readonly pending = new Set<string>();
  /** Orders for which the demo has sent the money by transfer. */
  readonly transfers = new Set<string>();
  readonly failures: string[] = [];
  #refused = 0;
  #sentAgain = 0;

  /** How many orders were sent more than once, because nobody answered. */
  get sentAgain(): number {
    return this.#sentAgain;
  }

  get refused(): number {
    return this.#refused;
  }

  get answered(): number {
    return this.accepted.size + this.#refused + this.failures.length;
  }

  record(answer: Answer, times: number): void {
    if (times > 1) this.#sentAgain += 1;
    switch (answer.kind) {
      case 'accepted':
        this.accepted.set(answer.orderId, answer.sent);
        return;
      case 'refused':
        this.#refused += 1;
        return;
      case 'failed':
        this.failures.push(answer.detail);
        return;
    }
  }
}
