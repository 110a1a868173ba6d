import type { AdminBroker, DeadElement } from './admin-broker.js';
import type { BodyEncoding, BodyFormat } from '../body/body.js';
import { readDeadLetter } from '../message/dead-letter.js';
import { PayloadTooLargeError } from '../errors/data-errors.js';
import { messageOf } from '../errors/message-of.js';
import { decodeElement } from '../message/envelope.js';
import type { Envelope } from '../message/envelope.js';
import { USUAL_PRIORITY } from '../message/priority.js';
import type { DeadLetterEntry, QueuedMessage } from './queued-message.js';

type ParkedBodies = ReadonlyMap<string, Buffer>;

const NOTHING_PARKED: ParkedBodies = new Map();

/** Large bodies were not asked for. */
const SMALL_ONLY = 'small only';

type Bodies = ParkedBodies | typeof SMALL_ONLY;

/** In lists, larger bodies are left unread: a small gzip body can hold a lot of JSON, which takes far more memory. */
const MOST_LISTED_BYTES = 65_536;

type ReadData = Pick<QueuedMessage, 'data' | 'isDataUnread' | 'unreadable'>;

const UNREAD: ReadData = { data: undefined, isDataUnread: true };

/** Shows elements to people, even unreadable ones. */
export class MessageReader {
  constructor(
    private readonly broker: Pick<AdminBroker, 'parkedBodies'>,
    private readonly format: BodyFormat,
  ) {}

  /** Without large bodies, the data of messages that have one is undefined. */
  async messages(
    queue: string,
    elements: readonly Buffer[],
    withLarge: boolean,
  ): Promise<readonly QueuedMessage[]> {
    const parked = withLarge ? await this.#parkedBodies(queue, elements) : SMALL_ONLY;
    return elements.map((element) => this.#message(element, parked));
  }

  /** Like {@link messages}. */
  async letters(
    queue: string,
    dead: readonly DeadElement[],
    withLarge: boolean,
  ): Promise<readonly DeadLetterEntry[]> {
    const originals = dead.map(({ element }) => readDeadLetter(element)?.original ?? element);
    const parked = withLarge ? await this.#parkedBodies(queue, originals) : SMALL_ONLY;
    return dead.map((letter) => this.#letter(letter, parked));
  }

  async #parkedBodies(queue: string, elements: readonly Buffer[]): Promise<ParkedBodies> {
    const names = elements.flatMap((element) => readEnvelope(element).envelope?.parked ?? []);
    return names.length === 0 ? NOTHING_PARKED : this.broker.parkedBodies(queue, names);
  }

  /** Reads an element of a history, where no body is parked. */
  event(element: Buffer, withLarge = true): QueuedMessage {
    return this.#message(element, withLarge ? NOTHING_PARKED : SMALL_ONLY);
  }

  #message(element: Buffer, parked: Bodies): QueuedMessage {
    const { envelope, unreadable } = readEnvelope(element);
    const read =
      envelope?.parked !== undefined && parked === SMALL_ONLY
        ? UNREAD
        : this.#data(bodyOf(envelope, parked) ?? element, envelope?.encoding, parked);
    return {
      id: envelope?.id,
      pattern: envelope?.pattern,
      priority: envelope?.priority ?? USUAL_PRIORITY,
      attempt: envelope?.attempt ?? 1,
      crashes: envelope?.crashes ?? 0,
      sentAt: timeOf(envelope?.sentAtMs),
      expiresAt: timeOf(envelope?.expiresAtMs),
      headers: envelope?.headers ?? {},
      element,
      ...read,
      ...(unreadable === undefined ? {} : { unreadable }),
    };
  }

  #letter({ entry, element }: DeadElement, parked: Bodies): DeadLetterEntry {
    const letter = readDeadLetter(element);
    const {
      reason = 'unknown',
      error = { name: 'Error', message: 'Not written by this library.' },
    } = letter?.facts ?? {};
    const { at = 0, consumer = '' } = letter?.facts ?? {};
    const message = this.#message(letter?.original ?? element, parked);
    return { ...message, element, entry, reason, error, deadAt: dateOf(at), consumer };
  }

  #data(body: Buffer, encoding: BodyEncoding | undefined, bodies: Bodies): ReadData {
    const mostBytes = bodies === SMALL_ONLY ? MOST_LISTED_BYTES : Infinity;
    try {
      const data = this.format.decode(body, encoding, undefined, mostBytes);
      return { data, isDataUnread: false };
    } catch (error) {
      // Otherwise the body exceeds the limit for all bodies, which is then the lower one.
      if (error instanceof PayloadTooLargeError && error.maxPayloadBytes === mostBytes)
        return UNREAD;
      // People still want to see the message: they get its bytes.
      return { data: undefined, isDataUnread: false, unreadable: messageOf(error) };
    }
  }
}

const LATEST = 8_640_000_000_000_000;

/** Other programs may write any number; numbers beyond the range of dates become its first or last date. */
export function dateOf(ms: number): Date {
  return new Date(Math.max(-LATEST, Math.min(ms, LATEST)));
}

function bodyOf(envelope: Envelope | undefined, parked: Bodies): Buffer | undefined {
  if (envelope?.parked === undefined) return envelope?.body;
  return parked === SMALL_ONLY ? undefined : parked.get(envelope.parked);
}

function timeOf(ms: number | undefined): Date | undefined {
  return ms === undefined ? undefined : dateOf(ms);
}

interface ReadElement {
  readonly envelope?: Envelope;
  readonly unreadable?: string;
}

function readEnvelope(element: Buffer): ReadElement {
  try {
    return { envelope: decodeElement(element) };
  } catch (error) {
    // People still want to see the message: they get its bytes.
    return { unreadable: messageOf(error) };
  }
}
