import { decodeElement } from './envelope.js';
import {
  MAX_HEADER_BYTES,
  frontText,
  isFiniteNumber,
  isRecord,
  isString,
  parseHeader,
  readFront,
  splitHeader,
} from './header.js';
import type { Front } from './header.js';
import type { ErrorSummary } from '../errors/error-details.js';
import { membersOf } from './header-members.js';
import type { Member } from './header-members.js';

/** Why a message was dead-lettered, kept with it. */
export interface DeadLetterFacts {
  readonly reason: string;
  readonly error: ErrorSummary;
  readonly attempt: number;
  readonly queue: string;
  readonly consumer: string;
  /** Redis time in ms. */
  readonly at: number;
}

/**
 * A dead letter: a header with the facts, followed by the original element, byte for byte. Of that element only the
 * name of its parked body is read, so anything can be dead-lettered, whatever is wrong with it.
 */
export function deadLetterElement(element: Buffer, facts: DeadLetterFacts): Buffer {
  const parked = splitHeader(element) === undefined ? undefined : readFront(element)?.parked;
  const front = frontText({ crashes: 0, attempt: 1, parked, postponed: 0 });
  const header = `${front},"dead":${JSON.stringify({ ...facts, whole: true })}}\n`;
  return Buffer.concat([Buffer.from(header), element]);
}

/** Header of a redriven message that says why it was dead-lettered before: a JSON list of facts. */
export const DEAD_LETTER_HISTORY = 'dead-letter-history';

/** The original element of a dead letter, and the facts. Undefined for an element that is not a dead letter. */
export function readDeadLetter(
  element: Buffer,
): { facts: DeadLetterFacts; original: Buffer } | undefined {
  const header = readHeader(element);
  const dead = header?.fields['dead'];
  if (header === undefined || !isRecord(dead)) return undefined;
  const { front, members, body } = header;
  // Earlier releases wrote the facts among the other fields.
  const before = members.filter(({ name }) => name !== 'dead');
  const original =
    dead['whole'] === true
      ? body
      : joinElement(
          front,
          before.map(({ text }) => text),
          body,
        );
  return { facts: factsOf(dead), original };
}

/** Other programs or other releases may have written it, so each fact is checked. */
function factsOf(dead: Record<string, unknown>): DeadLetterFacts {
  const error = isRecord(dead['error']) ? dead['error'] : {};
  const { stack, details } = error;
  return {
    reason: textOf(dead['reason'], 'unknown'),
    error: {
      name: textOf(error['name'], 'Error'),
      message: textOf(error['message'], 'The error is not recorded.'),
      ...(isString(stack) ? { stack } : {}),
      ...(details === undefined ? {} : { details }),
    },
    attempt: isFiniteNumber(dead['attempt']) ? dead['attempt'] : 1,
    queue: textOf(dead['queue'], ''),
    consumer: textOf(dead['consumer'], ''),
    at: isFiniteNumber(dead['at']) ? dead['at'] : 0,
  };
}

function textOf(value: unknown, otherwise: string): string {
  return isString(value) ? value : otherwise;
}

type Headers = Readonly<Record<string, string>>;

const NO_HEADERS: Headers = {};

/** Fields of the caller and of past attempts. A redrive removes them, wherever they are in the header. */
const OVER = new Set([
  'rq',
  'crashes',
  'attempt',
  'parked',
  'postponed',
  'replyTo',
  're',
  'waitMs',
  'expiresAt',
]);

/**
 * A dead letter, ready to be sent again: its attempt and crash counts start anew, its reply address and expiry are
 * removed, and the reason is added to its history, as are headers of others if they fit. Every other byte is kept.
 */
export function redrivenElement(element: Buffer, added: Headers = NO_HEADERS): Buffer {
  const letter = readDeadLetter(element);
  // An element that is not a dead letter (added by hand) is sent as it is.
  if (letter === undefined) return element;
  const { facts, original } = letter;
  // Plain data has no place for a history, and an unreadable header is not touched.
  const header = isReadable(original) ? readHeader(original) : undefined;
  if (header === undefined) return original;
  const kept = header.members.filter(({ name }) => !OVER.has(name));
  const { parked } = header.front;
  let history = historyWith(facts, header.fields['headers']);
  for (;;) {
    const front = { crashes: 0, attempt: 1, parked, postponed: 0 };
    const redriven = joinElement(front, withHistory(kept, history, added), header.body);
    const headerBytes = redriven.length - header.body.length;
    if (headerBytes <= MAX_HEADER_BYTES) return redriven;
    if (history.length === 0) return added === NO_HEADERS ? redriven : redrivenElement(element);
    history = history.slice(1);
  }
}

/** The texts of the members, with the history and others added to the headers. */
function withHistory(
  members: readonly Member[],
  history: readonly unknown[],
  added: Headers,
): string[] {
  // If a name appears twice, the last one counts.
  const headers = members.findLast(({ name }) => name === 'headers');
  const others = membersOf(headers?.value ?? '{}').filter(
    ({ name }) => name !== DEAD_LETTER_HISTORY && !Object.hasOwn(added, name),
  );
  const texts = others.map(({ text }) => text);
  if (history.length > 0) texts.push(headerText(DEAD_LETTER_HISTORY, JSON.stringify(history)));
  for (const [name, value] of Object.entries(added)) texts.push(headerText(name, value));
  const written = `"headers":{${texts.join(',')}}`;
  if (headers === undefined) return [...members.map(({ text }) => text), written];
  return members
    .filter((member) => member === headers || member.name !== 'headers')
    .map((member) => (member === headers ? written : member.text));
}

/** Latin-1 of UTF-8 bytes, like the other members. */
function headerText(name: string, value: string): string {
  return Buffer.from(`${JSON.stringify(name)}:${JSON.stringify(value)}`).toString('latin1');
}

/** Why a message was dead-lettered once. */
interface PastDeath {
  readonly reason: string;
  readonly error: string;
  readonly message: string;
  readonly attempt: number;
  readonly at: number;
}

/** Bounds of the history: redriving the same message again and again must not make its header grow without end. */
const MOST_PAST = 20;
const MOST_OF_MESSAGE = 1_000;

function historyWith(
  { reason, error, attempt, at }: DeadLetterFacts,
  headers: unknown,
): PastDeath[] {
  const message = error.message.slice(0, MOST_OF_MESSAGE);
  return [...pastOf(headers), { reason, error: error.name, message, attempt, at }].slice(
    -MOST_PAST,
  );
}

/** Ignores text that another program wrote into our header. */
function pastOf(headers: unknown): PastDeath[] {
  const text = isRecord(headers) ? headers[DEAD_LETTER_HISTORY] : undefined;
  if (!isString(text)) return [];
  let past: unknown;
  try {
    past = JSON.parse(text);
  } catch {
    return [];
  }
  return Array.isArray(past) ? past.filter(isRecord).map(pastDeathOf) : [];
}

function pastDeathOf({ reason, error, message, attempt, at }: Record<string, unknown>): PastDeath {
  return {
    reason: textOf(reason, 'unknown'),
    error: textOf(error, 'Error'),
    message: textOf(message, '').slice(0, MOST_OF_MESSAGE),
    attempt: isFiniteNumber(attempt) ? attempt : 1,
    at: isFiniteNumber(at) ? at : 0,
  };
}

interface Header {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly front: Front;
  /** The members behind the front. */
  readonly members: readonly Member[];
  readonly body: Buffer;
}

/** Undefined for an element without a readable header. */
function readHeader(element: Buffer): Header | undefined {
  const parts = splitHeader(element);
  const front = parts === undefined ? undefined : readFront(parts.header);
  if (parts === undefined || front === undefined) return undefined;
  const { header, body } = parts;
  try {
    const fields = parseHeader(header);
    const rest = header.toString('latin1', front.end).replace(COMMA, '');
    return { fields, front, members: membersOf(`{${rest}`), body };
  } catch {
    // Unreadable: the caller keeps the element as it is.
    return undefined;
  }
}

const COMMA = /^\s*,/;

function isReadable(element: Buffer): boolean {
  try {
    decodeElement(element);
    return true;
  } catch {
    return false; // The caller expects elements that cannot be read.
  }
}

/** `members` are Latin-1 of UTF-8 bytes. */
function joinElement(front: Omit<Front, 'end'>, members: readonly string[], body: Buffer): Buffer {
  const header = `${[frontText(front), ...members].join(',')}}\n`;
  return Buffer.concat([Buffer.from(header, 'latin1'), body]);
}
