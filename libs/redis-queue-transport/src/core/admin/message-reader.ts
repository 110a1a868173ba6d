import type { AdminBroker, DeadElement } from './admin-broker.js';
import type { BodyEncoding, BodyFormat } from '../body/body.js';
import { readDeadLetter } from '../message/dead-letter.js';
import { decodeElement } from '../message/envelope.js';
import type { Envelope } from '../message/envelope.js';
import type { DeadLetterEntry, QueuedMessage } from './queued-message.js';

type ParkedBodies = ReadonlyMap<string, Buffer>;

const NOTHING_PARKED: ParkedBodies = new Map();

/** Shows elements to people, even unreadable ones. */
export class MessageReader {
  constructor(
    private readonly broker: Pick<AdminBroker, 'parkedBodies'>,
    private readonly format: BodyFormat,
  ) {}

  async messages(queue: string, elements: readonly Buffer[]): Promise<readonly QueuedMessage[]> {
    const parked = await this.#parkedBodies(queue, elements);
    return elements.map((element) => this.message(element, parked));
  }

  async letters(queue: string, dead: readonly DeadElement[]): Promise<readonly DeadLetterEntry[]> {
    const originals = dead.map(({ element }) => readDeadLetter(element)?.original ?? element);
    const parked = await this.#parkedBodies(queue, originals);
    return dead.map((letter) => this.#letter(letter, parked));
  }

  async #parkedBodies(queue: string, elements: readonly Buffer[]): Promise<ParkedBodies> {
    const names = elements.flatMap((element) => readEnvelope(element)?.parked ?? []);
    return names.length === 0 ? NOTHING_PARKED : this.broker.parkedBodies(queue, names);
  }

  /** Of an element that stands nowhere near a parked body, unless those are given. */
  message(element: Buffer, parked = NOTHING_PARKED): QueuedMessage {
    const envelope = readEnvelope(element);
    const body = envelope?.parked === undefined ? envelope?.body : parked.get(envelope.parked);
    return {
      id: envelope?.id,
      attempt: envelope?.attempt ?? 1,
      sentAt: envelope?.sentAtMs === undefined ? undefined : dateOf(envelope.sentAtMs),
      headers: envelope?.headers ?? {},
      data: this.#data(body ?? element, envelope?.encoding),
      element,
    };
  }

  #letter({ entry, element }: DeadElement, parked: ParkedBodies): DeadLetterEntry {
    const letter = readDeadLetter(element);
    const {
      reason = 'unknown',
      error = { name: 'Error', message: 'Not written by this library.' },
    } = letter?.facts ?? {};
    const { at = 0, consumer = '' } = letter?.facts ?? {};
    const message = this.message(letter?.original ?? element, parked);
    return { ...message, element, entry, reason, error, deadAt: dateOf(at), consumer };
  }

  #data(body: Buffer, encoding: BodyEncoding | undefined): unknown {
    try {
      return this.format.decode(body, encoding);
    } catch {
      // Unreadable, but people want to see it: the bytes are there.
      return undefined;
    }
  }
}

const LATEST = 8_640_000_000_000_000;

/** Other programs may write any number; numbers beyond the range of dates become its first or last date. */
export function dateOf(ms: number): Date {
  return new Date(Math.max(-LATEST, Math.min(ms, LATEST)));
}

function readEnvelope(element: Buffer): Envelope | undefined {
  try {
    return decodeElement(element);
  } catch {
    // Unreadable, but people want to see it: they get its bytes.
    return undefined;
  }
}
