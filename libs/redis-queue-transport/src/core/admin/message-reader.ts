import type { AdminBroker, DeadElement } from './admin-broker.js';
import type { BodyEncoding, BodyFormat } from '../body/body.js';
import { readDeadLetter } from '../message/dead-letter.js';
import { messageOf } from '../errors/message-of.js';
import { decodeElement } from '../message/envelope.js';
import type { Envelope } from '../message/envelope.js';
import type { DeadLetterEntry, QueuedMessage } from './queued-message.js';

type ParkedBodies = ReadonlyMap<string, Buffer>;

const NOTHING_PARKED: ParkedBodies = new Map();

/** Parked bodies were not asked for. */
const NOT_READ = 'not read';

/** Shows elements to people, even unreadable ones. */
export class MessageReader {
  constructor(
    private readonly broker: Pick<AdminBroker, 'parkedBodies'>,
    private readonly format: BodyFormat,
  ) {}

  /** Without parked bodies, the data of messages that have one is undefined. */
  async messages(
    queue: string,
    elements: readonly Buffer[],
    withParked: boolean,
  ): Promise<readonly QueuedMessage[]> {
    const parked = withParked ? await this.#parkedBodies(queue, elements) : NOT_READ;
    return elements.map((element) => this.message(element, parked));
  }

  /** Likewise. */
  async letters(
    queue: string,
    dead: readonly DeadElement[],
    withParked: boolean,
  ): Promise<readonly DeadLetterEntry[]> {
    const originals = dead.map(({ element }) => readDeadLetter(element)?.original ?? element);
    const parked = withParked ? await this.#parkedBodies(queue, originals) : NOT_READ;
    return dead.map((letter) => this.#letter(letter, parked));
  }

  async #parkedBodies(queue: string, elements: readonly Buffer[]): Promise<ParkedBodies> {
    const names = elements.flatMap((element) => readEnvelope(element).envelope?.parked ?? []);
    return names.length === 0 ? NOTHING_PARKED : this.broker.parkedBodies(queue, names);
  }

  /** Of an element that stands nowhere near a parked body, unless those are given. */
  message(element: Buffer, parked: ParkedBodies | typeof NOT_READ = NOTHING_PARKED): QueuedMessage {
    const { envelope, unreadable } = readEnvelope(element);
    const isParked = envelope?.parked !== undefined;
    const read =
      isParked && parked === NOT_READ
        ? { data: undefined }
        : this.#data(bodyOf(envelope, parked) ?? element, envelope?.encoding);
    return {
      id: envelope?.id,
      pattern: envelope?.pattern,
      attempt: envelope?.attempt ?? 1,
      crashes: envelope?.crashes ?? 0,
      sentAt: timeOf(envelope?.sentAtMs),
      expiresAt: timeOf(envelope?.expiresAtMs),
      headers: envelope?.headers ?? {},
      isParked,
      element,
      ...read,
      ...(unreadable === undefined ? {} : { unreadable }),
    };
  }

  #letter(
    { entry, element }: DeadElement,
    parked: ParkedBodies | typeof NOT_READ,
  ): DeadLetterEntry {
    const letter = readDeadLetter(element);
    const {
      reason = 'unknown',
      error = { name: 'Error', message: 'Not written by this library.' },
    } = letter?.facts ?? {};
    const { at = 0, consumer = '' } = letter?.facts ?? {};
    const message = this.message(letter?.original ?? element, parked);
    return { ...message, element, entry, reason, error, deadAt: dateOf(at), consumer };
  }

  #data(
    body: Buffer,
    encoding: BodyEncoding | undefined,
  ): Pick<QueuedMessage, 'data' | 'unreadable'> {
    try {
      return { data: this.format.decode(body, encoding) };
    } catch (error) {
      // People still want to see it: the bytes are there.
      return { data: undefined, unreadable: messageOf(error) };
    }
  }
}

const LATEST = 8_640_000_000_000_000;

/** Other programs may write any number; numbers beyond the range of dates become its first or last date. */
export function dateOf(ms: number): Date {
  return new Date(Math.max(-LATEST, Math.min(ms, LATEST)));
}

function bodyOf(
  envelope: Envelope | undefined,
  parked: ParkedBodies | typeof NOT_READ,
): Buffer | undefined {
  if (envelope?.parked === undefined) return envelope?.body;
  return parked === NOT_READ ? undefined : parked.get(envelope.parked);
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
    // People still want to see it: they get its bytes.
    return { unreadable: messageOf(error) };
  }
}
