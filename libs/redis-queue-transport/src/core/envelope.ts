import { isUtf8 } from 'node:buffer';
import { EncodedBody } from './body.js';
import type { BodyEncoding, OutgoingBody } from './body.js';
import { UndecodableError, messageOf } from './errors.js';

/**
 * The bytes of one message as they stand in a list: one header line of JSON, a newline, and the body.
 * A string and its UTF-8 bytes mean the same; what is read from Redis is always a Buffer.
 */
export type Element = string | Buffer;

/** The format version that this release writes, and the only one that it reads. */
export const FORMAT_VERSION = 1;

/** Where a reply goes: the caller's reply list, and the number under which the caller waits for it. */
export interface ReplyAddress {
  readonly list: string;
  readonly request: number;
}

/** What the sender says about a message. */
export interface OutgoingEnvelope {
  readonly id: string;
  /** Redis time in ms. */
  readonly sentAtMs: number;
  /** An event's concrete pattern: those who get it may have subscribed to wildcards. */
  readonly pattern?: string | undefined;
  readonly replyTo?: ReplyAddress | undefined;
  /** Redis time in ms after which no handler may start any more. */
  readonly expiresAtMs?: number | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** What Nest's dispatch hook attached, if anything. */
  readonly metadata?: unknown;
}

/** A message as the consumer reads it. */
export interface Envelope {
  /** Absent when a program without this library pushed plain data. */
  readonly id: string | undefined;
  readonly sentAtMs: number | undefined;
  /** An event's concrete pattern; absent for a message, which has that of its queue. */
  readonly pattern: string | undefined;
  readonly replyTo: ReplyAddress | undefined;
  readonly expiresAtMs: number | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly metadata: unknown;
  /** From 1. */
  readonly attempt: number;
  /** 0, or how often it was found running in a process that died. From 1 on it runs alone. */
  readonly crashes: number;
  /** Undefined for plain JSON. */
  readonly encoding: BodyEncoding | undefined;
  /** Under which name the body stands beside the queue; undefined when it is here. */
  readonly parked: string | undefined;
  readonly body: Buffer;
}

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});
const NEWLINE = 0x0a;
const OPENING_BRACE = 0x7b;
const PLAIN_TEXT = /^[\w.:-]*$/;
/** What makes a first line a header: "rq" is the first key, so that no other program's data is mistaken for one. */
const HEADER_START = /^\{\s*"rq"\s*:/;

export function encodeElement(envelope: OutgoingEnvelope, body: OutgoingBody | Buffer): Element {
  if (typeof body === 'string') return headerLine(envelope, undefined) + body;
  const [bytes, encoding] = body instanceof EncodedBody ? [body.bytes, body.encoding] : [body];
  return Buffer.concat([Buffer.from(headerLine(envelope, encoding)), bytes]);
}

function headerLine(envelope: OutgoingEnvelope, encoding: BodyEncoding | undefined): string {
  let line = `{"rq":${FORMAT_VERSION},"id":${quote(envelope.id)},"at":${envelope.sentAtMs}`;
  if (envelope.pattern !== undefined) line += `,"pattern":${quote(envelope.pattern)}`;
  if (envelope.replyTo !== undefined) {
    line += `,"replyTo":${quote(envelope.replyTo.list)},"re":${envelope.replyTo.request}`;
  }
  if (envelope.expiresAtMs !== undefined) line += `,"expiresAt":${envelope.expiresAtMs}`;
  if (encoding !== undefined) line += encodingFields(encoding);
  if (envelope.headers !== undefined) line += `,"headers":${JSON.stringify(envelope.headers)}`;
  if (envelope.metadata !== undefined) line += `,"metadata":${JSON.stringify(envelope.metadata)}`;
  return line + '}\n';
}

/** Header fields of a message or a reply, each behind a comma. */
export function encodingFields({ codec, zip }: BodyEncoding): string {
  const codecField = codec === undefined ? '' : `,"codec":${quote(codec)}`;
  return zip === undefined ? codecField : `${codecField},"zip":${quote(zip)}`;
}

function quote(text: string): string {
  return PLAIN_TEXT.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** @throws UndecodableError when the element is empty, or carries a header that cannot be read. */
export function decodeElement(element: Buffer): Envelope {
  if (element.length === 0) throw new UndecodableError('The element is empty.');
  return decodeUsual(element) ?? decodeAny(element);
}

const LONGEST_USUAL_HEADER = 512;

/** The header of a message without anything out of the ordinary, as this release writes it; read in half the time. */
const USUAL_HEADER =
  /^\{"rq":1,"id":"([\w.:-]*)","at":(0|[1-9]\d*)(?:,"pattern":"([\w.:-]*)")?(?:,"replyTo":"([\w.:{}-]*)","re":(0|[1-9]\d*),"expiresAt":(0|[1-9]\d*))?\}$/;

function decodeUsual(element: Buffer): Envelope | undefined {
  const end = element.indexOf(NEWLINE);
  if (end === -1 || end > LONGEST_USUAL_HEADER) return undefined;
  const header = USUAL_HEADER.exec(element.toString('latin1', 0, end));
  if (header === null) return undefined;
  const [, id, sentAt, pattern, list, request, expiresAt] = header;
  return {
    id,
    sentAtMs: Number(sentAt),
    pattern,
    replyTo: list === undefined ? undefined : { list, request: Number(request) },
    expiresAtMs: expiresAt === undefined ? undefined : Number(expiresAt),
    headers: NO_HEADERS,
    metadata: undefined,
    attempt: 1,
    crashes: 0,
    encoding: undefined,
    parked: undefined,
    body: element.subarray(end + 1),
  };
}

function decodeAny(element: Buffer): Envelope {
  const parts = splitHeader(element);
  if (parts === undefined) return plainData(element);
  const header = parseHeader(parts.header);
  return {
    id: optional(header, 'id', isString),
    sentAtMs: optional(header, 'at', isNumber),
    pattern: optional(header, 'pattern', isString),
    replyTo: replyAddress(header),
    expiresAtMs: optional(header, 'expiresAt', isNumber),
    headers: optional(header, 'headers', isStringRecord) ?? NO_HEADERS,
    metadata: header['metadata'],
    attempt: optional(header, 'attempt', isCount) ?? 1,
    crashes: optional(header, 'crashes', isCount) ?? 0,
    encoding: readEncoding(header),
    parked: optional(header, 'parked', isString),
    body: parts.body,
  };
}

/** The same message with its attempt raised by one; every other header field and the body's bytes are kept. */
export function withNextAttempt(element: Buffer, newId: string): Buffer {
  const parts = splitHeader(element);
  const old = parts === undefined ? { id: newId } : parseHeader(parts.header);
  const attempt = (optional(old, 'attempt', isCount) ?? 1) + 1;
  // The order matters: scripts read and write these right behind "rq" without parsing the JSON.
  const { rq: _version, crashes, attempt: _attempt, parked, ...rest } = old;
  const header = {
    rq: FORMAT_VERSION,
    ...(crashes === undefined ? {} : { crashes }),
    attempt,
    ...(parked === undefined ? {} : { parked }),
    ...rest,
  };
  return joinElement(header, parts === undefined ? element : parts.body);
}

/** Facts that are kept beside a dead letter. */
export interface DeadLetterFacts {
  readonly reason: string;
  readonly error: { readonly name: string; readonly message: string; readonly stack?: string };
  readonly attempt: number;
  readonly queue: string;
  readonly consumer: string;
  /** Redis time in ms. */
  readonly at: number;
}

/**
 * The element that is parked: the whole header plus a field `dead`. An element whose header cannot be read is kept
 * whole, byte for byte, as the body (`whole: true`).
 */
export function deadLetterElement(element: Buffer, facts: DeadLetterFacts): Buffer {
  const parts = readableParts(element);
  if (parts === undefined)
    return joinElement({ rq: FORMAT_VERSION, dead: { ...facts, whole: true } }, element);
  return joinElement({ ...parts.header, dead: facts }, parts.body);
}

/** Header under which a redriven message carries why it was a dead letter before: a JSON list of facts. */
export const DEAD_LETTER_HISTORY = 'dead-letter-history';

/** What a dead letter was before: the element as it came, and the facts. Undefined for an element that is none. */
export function readDeadLetter(
  element: Buffer,
): { facts: DeadLetterFacts; original: Buffer } | undefined {
  const parts = readableParts(element);
  const dead = parts?.header['dead'];
  if (parts === undefined || !isRecord(dead)) return undefined;
  const { whole, ...facts } = dead as unknown as DeadLetterFacts & { readonly whole?: boolean }; // written by deadLetterElement
  const { dead: _dead, ...header } = parts.header;
  return { facts, original: whole === true ? parts.body : joinElement(header, parts.body) };
}

/**
 * A dead letter as it is sent again: its attempt and crash count start anew, its caller and its time are over, and
 * the reason is added to its history.
 */
export function redrivenElement(element: Buffer): Buffer {
  const letter = readDeadLetter(element);
  const parts = letter === undefined ? undefined : readableParts(letter.original);
  // Plain data has no place for a history, and what never was a dead letter (put here by hand) is sent as it is.
  if (letter === undefined || parts === undefined) return letter?.original ?? element;
  const { attempt: _1, crashes: _2, replyTo: _3, re: _4, expiresAt: _5, ...header } = parts.header;
  const headers = isStringRecord(header['headers']) ? header['headers'] : {};
  const { reason, error, attempt, at } = letter.facts;
  const history = [
    ...historyOf(headers),
    { reason, error: error.name, message: error.message, attempt, at },
  ];
  return joinElement(
    { ...header, headers: { ...headers, [DEAD_LETTER_HISTORY]: JSON.stringify(history) } },
    parts.body,
  );
}

function historyOf(headers: Readonly<Record<string, string>>): unknown[] {
  try {
    const history: unknown = JSON.parse(headers[DEAD_LETTER_HISTORY] ?? '[]');
    return Array.isArray(history) ? history : [];
  } catch {
    // Somebody else's text under our name: it is not a history, and gives way to one.
    return [];
  }
}

function readableParts(
  element: Buffer,
): { header: Record<string, unknown>; body: Buffer } | undefined {
  try {
    const parts = splitHeader(element);
    return parts === undefined
      ? undefined
      : { header: parseHeader(parts.header), body: parts.body };
  } catch {
    // The caller keeps the element whole: this is the very case that it asks about.
    return undefined;
  }
}

function joinElement(header: Record<string, unknown>, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), body]);
}

function splitHeader(element: Buffer): { header: Buffer; body: Buffer } | undefined {
  if (element[0] !== OPENING_BRACE) return undefined;
  if (!HEADER_START.test(element.toString('latin1', 0, 32))) return undefined;
  const end = element.indexOf(NEWLINE);
  if (end === -1) return undefined;
  return { header: element.subarray(0, end), body: element.subarray(end + 1) };
}

function parseHeader(line: Buffer): Record<string, unknown> {
  if (!isUtf8(line)) throw new UndecodableError('The header line is not UTF-8.');
  let header: unknown;
  try {
    header = JSON.parse(line.toString());
  } catch (error) {
    throw new UndecodableError(`The header line is not JSON: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (!isRecord(header)) throw new UndecodableError('The header line is not a JSON object.');
  if (header['rq'] !== FORMAT_VERSION) {
    throw new UndecodableError(
      `The header says format version ${JSON.stringify(header['rq'])}; this release reads version ${FORMAT_VERSION}.`,
    );
  }
  return header;
}

function replyAddress(header: Record<string, unknown>): ReplyAddress | undefined {
  const list = optional(header, 'replyTo', isString);
  if (list === undefined) return undefined;
  const request = optional(header, 're', isNumber);
  if (request === undefined)
    throw new UndecodableError('The header has "replyTo" but no number "re".');
  return { list, request };
}

/** What the header of a message or a reply says of its body. @throws UndecodableError */
export function readEncoding(header: Record<string, unknown>): BodyEncoding | undefined {
  const codec = optional(header, 'codec', isString);
  const zip = optional(header, 'zip', isString);
  return codec === undefined && zip === undefined ? undefined : { codec, zip };
}

function plainData(element: Buffer): Envelope {
  return {
    id: undefined,
    sentAtMs: undefined,
    pattern: undefined,
    replyTo: undefined,
    expiresAtMs: undefined,
    headers: NO_HEADERS,
    metadata: undefined,
    attempt: 1,
    crashes: 0,
    encoding: undefined,
    parked: undefined,
    body: element,
  };
}

function optional<T>(
  header: Record<string, unknown>,
  field: string,
  is: (value: unknown) => value is T,
): T | undefined {
  const value = header[field];
  if (value === undefined) return undefined;
  if (is(value)) return value;
  throw new UndecodableError(
    `The header field "${field}" has an unusable value: ${JSON.stringify(value)}.`,
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isStringRecord(value: unknown): value is Record<string, string> {
  return isRecord(value) && Object.values(value).every(isString);
}
