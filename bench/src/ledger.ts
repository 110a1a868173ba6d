import type { MessageFactory } from './message.js';

/** What happened to messages, as a consumer sees it. */
export interface Account {
  readonly expected: number;
  /** Different messages that arrived undamaged. */
  readonly received: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly damaged: number;
}

/** A consumer's book of one run: every number from 0 up to `expected` should come once. */
export class Ledger {
  readonly #isThere: Uint8Array;
  #received = 0;
  #duplicated = 0;
  #damaged = 0;

  constructor(
    readonly expected: number,
    private readonly messages: MessageFactory,
  ) {
    this.#isThere = new Uint8Array(expected);
  }

  get received(): number {
    return this.#received;
  }

  get isComplete(): boolean {
    return this.#received === this.expected;
  }

  record(data: unknown): void {
    if (!this.messages.isIntact(data) || data.n >= this.expected) {
      this.#damaged += 1;
    } else if (this.#isThere[data.n] === 1) {
      this.#duplicated += 1;
    } else {
      this.#isThere[data.n] = 1;
      this.#received += 1;
    }
  }

  account(): Account {
    return {
      expected: this.expected,
      received: this.#received,
      lost: this.expected - this.#received,
      duplicated: this.#duplicated,
      damaged: this.#damaged,
    };
  }
}

export function sumOf(accounts: readonly Account[]): Account {
  const sum = (field: keyof Account): number =>
    accounts.reduce((total, account) => total + account[field], 0);
  return {
    expected: sum('expected'),
    received: sum('received'),
    lost: sum('lost'),
    duplicated: sum('duplicated'),
    damaged: sum('damaged'),
  };
}
