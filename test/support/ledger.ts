import type { JournalEntry } from './journal.js';
import type { QueueDump } from './queue-dump.js';

/** How the call that sent a message ended. */
export type SendResult = 'confirmed' | 'rejected' | 'unknown';

/** What a ledger and a dump say together. */
export interface Account {
  /** Everything that must not be; empty when the invariant holds. */
  readonly violations: readonly string[];
  readonly handled: number;
  readonly dead: readonly string[];
  /** How often handlers ran beyond once for each message. */
  readonly duplicates: number;
}

/** The test's own book of what was sent and what handlers did; the transport has no part in it. */
export class Ledger {
  readonly #sent = new Map<string, SendResult>();

  /** @param entries what handlers have noted so far */
  constructor(private readonly entries: () => readonly JournalEntry[]) {}

  /** Sends, and notes how it ended. Never rejects. */
  async send(id: string, call: () => Promise<unknown>): Promise<SendResult> {
    // Until it is answered nobody knows.
    this.#sent.set(id, 'unknown');
    const result = await call().then(
      () => 'confirmed' as const,
      (error: unknown) => (codeOf(error) === 'OUTCOME_UNKNOWN' ? 'unknown' : 'rejected'),
    );
    this.#sent.set(id, result);
    return result;
  }

  /** Notes a message that got into the queue without the library. */
  confirm(id: string): void {
    this.#sent.set(id, 'confirmed');
  }

  sent(result: SendResult): string[] {
    return [...this.#sent].filter(([, how]) => how === result).map(([id]) => id);
  }

  /** The ids of all that started or ended, as often as they did. */
  idsOf(event: JournalEntry['event']): string[] {
    return this.entries()
      .filter((entry) => entry.event === event)
      .map(({ id }) => id);
  }

  /** Whether every message whose sending was confirmed has been handled or is dead. */
  isAllHome(dump: QueueDump): boolean {
    const home = new Set([...this.idsOf('end'), ...dump.dead.map(idOf)]);
    return this.sent('confirmed').every((id) => home.has(id));
  }

  /**
   * The books at rest: every confirmed message is in one place of {handled, dead, expired, waiting, delayed}, nothing
   * is processing, and no handler started for what was not sent.
   */
  account(dump: QueueDump): Account {
    const violations: string[] = [];
    const lost: string[] = [];
    const places = placesOf(dump);
    const starts = this.idsOf('start');
    const handled = new Set(this.idsOf('end'));
    for (const [id, result] of this.#sent) {
      const found = [...(places.get(id) ?? []), ...(handled.has(id) ? ['handled'] : [])];
      if (found.length > 1) violations.push(`${id} is in several places: ${found.join(', ')}`);
      if (result === 'rejected' && found.length > 0)
        violations.push(`${id} was rejected, and is ${found.join(', ')}`);
      if (result === 'confirmed' && found.length === 0) lost.push(`${id} is lost`);
    }
    if (lost.length !== dump.expired) violations.push(...lost);
    for (const [consumer, held] of dump.processing) {
      if (held.length > 0) violations.push(`${consumer} still holds ${held.map(idOf).join(', ')}`);
    }
    for (const id of new Set([...starts, ...places.keys()])) {
      if (!this.#sent.has(id)) violations.push(`${id} was never sent`);
    }
    return {
      violations,
      handled: handled.size,
      dead: dump.dead.map(idOf),
      duplicates: starts.length - new Set(starts).size,
    };
  }
}

function placesOf(dump: QueueDump): Map<string, string[]> {
  const places = new Map<string, string[]>();
  const put = (place: string, elements: readonly Buffer[]): void => {
    for (const element of elements) {
      const id = idOf(element);
      places.set(id, [...(places.get(id) ?? []), place]);
    }
  };
  put('waiting', dump.waiting);
  put('delayed', dump.delayed);
  put('dead', dump.dead);
  for (const held of dump.processing.values()) put('processing', held);
  return places;
}

/** A message's id as the test gave it: from its data, or else from its header; the whole text of what has none. */
export function idOf(element: Buffer): string {
  const text = element.toString('latin1');
  for (const line of text.split('\n').reverse()) {
    const id = idIn(line);
    if (id !== undefined) return id;
  }
  return text;
}

function idIn(json: string): string | undefined {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value !== 'object' || value === null || !('id' in value)) return undefined;
    return typeof value.id === 'string' ? value.id : undefined;
  } catch {
    return undefined; // some tests push what is no JSON
  }
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
