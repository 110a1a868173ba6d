/** What every contestant carries; as JSON it has a given number of bytes. */
export interface BenchMessage {
  /** Which phase of a sample it belongs to. */
  readonly run: number;
  /** From 0 within its run. */
  readonly n: number;
  /** When a delayed message should be handled, by `nowMs`; 0 for all others. */
  readonly dueAt: number;
  readonly pad: string;
}

/** Neighbours have different padding, so that bytes of one message in another are noticed. */
const VARIANTS = 16;
const MOST_DIGITS = 9;
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** Makes messages of one size, and recognises them. */
export class MessageFactory {
  /** By the number's digits and the variant. Made once, so that no contestant pays for it. */
  readonly #pads: readonly string[];

  /** @param bytes length as JSON of a message that is not delayed */
  constructor(bytes: number) {
    const text = ALPHABET.repeat(Math.ceil((bytes + VARIANTS) / ALPHABET.length));
    const empty = JSON.stringify({ run: 1, n: 0, dueAt: 0, pad: '' }).length;
    this.#pads = Array.from({ length: VARIANTS * MOST_DIGITS }, (_, index) => {
      const start = index % VARIANTS;
      const moreDigits = Math.floor(index / VARIANTS);
      return text.slice(start, start + Math.max(0, bytes - empty - moreDigits));
    });
  }

  make(run: number, n: number, dueAt = 0): BenchMessage {
    return { run, n, dueAt, pad: this.#padOf(n) };
  }

  /** Whether this is a message as it was sent. */
  isIntact(data: unknown): data is BenchMessage {
    if (typeof data !== 'object' || data === null) return false;
    const { run, n, pad } = data as Partial<BenchMessage>;
    return typeof run === 'number' && typeof n === 'number' && pad === this.#padOf(n);
  }

  #padOf(n: number): string {
    let moreDigits = 0;
    for (let rest = n; rest >= 10; rest /= 10) moreDigits += 1;
    return this.#pads[moreDigits * VARIANTS + (n % VARIANTS)] ?? '';
  }
}
