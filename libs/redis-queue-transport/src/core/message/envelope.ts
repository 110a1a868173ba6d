import { EncodedBody } from '../body/body.js';
import type { BodyEncoding, OutgoingBody } from '../body/body.js';
import { HeaderTooLargeError, UndecodableError } from '../errors/data-errors.js';
import {
  FORMAT_VERSION,
  MAX_SENT_HEADER_BYTES,
  UNREADABLE,
  frontText,
  isExactNumber,
  isFiniteNumber,
  isString,
  isStringRecord,
  optional,
  parseHeader,
  readFront,
  splitHeader,
} from './header.js';
import { encodeJson } from '../body/json.js';
import { isKey, keyOf, readKey, writtenKey } from './key.js';
import { USUAL_PRIORITY, priorityOf } from './priority.js';

/**
 * The bytes of one message as they stand in a list: one header line of JSON, a newline, and the body.
 * A string is equivalent to its UTF-8 bytes. Elements read from Redis are always Buffers.
 */
export type Element = string | Buffer;

/** Where a reply goes: the caller's reply list, and the number of the request there. */
export interface ReplyAddress {
  readonly list: string;
  readonly request: number;
  /** How long, in ms, the caller waits for each reply, if that is longer than from sending to expiry. */
  readonly waitMs?: number | undefined;
}

/** What the sender says about a message. */
export interface OutgoingEnvelope {
  readonly id: string;
  /** Messages with the same key are handled one after the other. */
  readonly key?: string | undefined;
  /** From 0 to 9, higher first. Default: 4. */
  readonly priority?: number | undefined;
  /** Redis time in ms. */
  readonly sentAtMs: number;
  /** An event's concrete pattern: its handlers may have subscribed to wildcards. */
  readonly pattern?: string | undefined;
  readonly replyTo?: ReplyAddress | undefined;
  /** Redis time in ms after which no handler may start any more. */
  readonly expiresAtMs?: number | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** What Nest's dispatch hook attached, if anything. */
  readonly metadata?: unknown;
}

/** A message as the consumer sees it. */
export interface Envelope {
  /** Absent when a program without this library pushed plain data. */
  readonly id: string | undefined;
  /** Undefined for a message without a key. */
  readonly key: string | undefined;
  /** From 0 to 9; 4 for a message that does not say. */
  readonly priority: number;
  readonly sentAtMs: number | undefined;
  /** An event's concrete pattern; absent for a message, whose pattern is that of its queue. */
  readonly pattern: string | undefined;
  readonly replyTo: ReplyAddress | undefined;
  readonly expiresAtMs: number | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly metadata: unknown;
  /** From 1. */
  readonly attempt: number;
  /** How many earlier attempts ended because the handler asked to run later. They do not count against the retries. */
  readonly postponed: number;
  /** How often the message was running when its process died. From 1 on it runs alone. */
  readonly crashes: number;
  /** Undefined for plain JSON. */
  readonly encoding: BodyEncoding | undefined;
  /** The name of the parked body; undefined if the body is in the element. */
  readonly parked: string | undefined;
  readonly body: Buffer;
}

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});
const NEWLINE = 0x0a;
/** The counts of a message that is sent for the first time. */
const FRONT = `{"rq":${FORMAT_VERSION}`;
const PLAIN_TEXT = /^[\w.:-]*$/;

/** @throws HeaderTooLargeError, and UnencodableError for metadata that JSON cannot write */
export function encodeElement(envelope: OutgoingEnvelope, body: OutgoingBody | Buffer): Element {
  if (typeof body === 'string') return headerLine(envelope, undefined) + body;
  const [bytes, encoding] = body instanceof EncodedBody ? [body.bytes, body.encoding] : [body];
  return Buffer.concat([Buffer.from(headerLine(envelope, encoding)), bytes]);
}

function headerLine(envelope: OutgoingEnvelope, encoding: BodyEncoding | undefined): string {
  const key = envelope.key === undefined ? '' : `,"key":"${keyText(envelope.key)}"`;
  const { priority = USUAL_PRIORITY } = envelope;
  const level = priority === USUAL_PRIORITY ? '' : `,"priority":${priority}`;
  let line = `{"rq":${FORMAT_VERSION}${key}${level},"id":${quote(envelope.id)},"at":${envelope.sentAtMs}`;
  if (envelope.pattern !== undefined) line += `,"pattern":${quote(envelope.pattern)}`;
  if (envelope.replyTo !== undefined) {
    line += `,"replyTo":${quote(envelope.replyTo.list)},"re":${envelope.replyTo.request}`;
    if (envelope.replyTo.waitMs !== undefined) line += `,"waitMs":${envelope.replyTo.waitMs}`;
  }
  if (envelope.expiresAtMs !== undefined) line += `,"expiresAt":${envelope.expiresAtMs}`;
  if (encoding !== undefined) line += encodingFields(encoding);
  if (envelope.headers !== undefined) line += `,"headers":${JSON.stringify(envelope.headers)}`;
  if (envelope.metadata !== undefined) line += `,"metadata":${encodeJson(envelope.metadata)}`;
  if (line.length > MOST_UNMEASURED) assertFits(line);
  return line + '}\n';
}

/** @throws TypeError for a key that a sender should have refused */
function keyText(key: string): string {
  const written = writtenKey(key);
  if (written === undefined || !isKey(key))
    throw new TypeError(`The key ${JSON.stringify(key)} cannot be written.`);
  return written;
}

/** A shorter header fits without being measured, since a UTF-16 unit takes at most three bytes. */
const MOST_UNMEASURED = MAX_SENT_HEADER_BYTES / 3;

function assertFits(line: string): void {
  const bytes = Buffer.byteLength(line) + 1; // the brace
  if (bytes > MAX_SENT_HEADER_BYTES) throw new HeaderTooLargeError(bytes, MAX_SENT_HEADER_BYTES);
}

/** Header fields of a message or a reply, each preceded by a comma. */
export function encodingFields({ codec, zip }: BodyEncoding): string {
  const codecField = codec === undefined ? '' : `,"codec":${quote(codec)}`;
  return zip === undefined ? codecField : `${codecField},"zip":${quote(zip)}`;
}

/** An element whose body is parked; the header has the name of the body. */
export function parkedElement(
  element: Element,
  name: string,
): { readonly element: Element; readonly body: Element } {
  const { header, body } = headerAndBody(element);
  const front = frontText({ crashes: 0, attempt: 1, parked: name, postponed: 0 });
  return { element: front + header.slice(FRONT.length), body };
}

/** The header line of an element that was just encoded, with its end, and what follows. */
export function headerAndBody(element: Element): {
  readonly header: string;
  readonly body: Element;
} {
  const end = element.indexOf('\n') + 1; // An outgoing element always has a header.
  return typeof element === 'string'
    ? { header: element.slice(0, end), body: element.slice(end) }
    : { header: element.toString('utf8', 0, end), body: element.subarray(end) };
}

function quote(text: string): string {
  return PLAIN_TEXT.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** @throws UndecodableError when the element is empty, or carries a header that cannot be read. */
export function decodeElement(element: Buffer): Envelope {
  if (element.length === 0) throw new UndecodableError('The element is empty.');
  return decodeUsual(element) ?? decodeAny(element);
}

/** Undefined for an element without an id, and for an unreadable one. */
export function idOf(element: Buffer): string | undefined {
  try {
    return decodeElement(element).id;
  } catch {
    return undefined; // An unreadable element has no id.
  }
}

/** By its sender. Undefined for an element that does not say, an unreadable one and an empty one. */
export function sentAtOf(element: Buffer): number | undefined {
  try {
    return element.length === 0 ? undefined : decodeElement(element).sentAtMs;
  } catch {
    return undefined; // It will be dead-lettered.
  }
}

const LONGEST_USUAL_HEADER = 512;

/** The usual header of this release. Matching it takes half the time of parsing. */
const USUAL_HEADER =
  /^\{"rq":1,(?:"key":"([\w.!~*'()%-]{1,255})",)?(?:"priority":(\d),)?"id":"([\w.:-]*)","at":(0|[1-9]\d{0,14})(?:,"pattern":"([\w.:-]*)")?(?:,"replyTo":"([\w.:{}-]*)","re":(0|[1-9]\d{0,14}),"expiresAt":(0|[1-9]\d{0,14}))?\}$/;

/** A class and not a literal, since one is made for each message: docs/decisions/0014. */
class UsualEnvelope implements Envelope {
  readonly headers = NO_HEADERS;
  readonly metadata = undefined;
  readonly attempt = 1;
  readonly postponed = 0;
  readonly crashes = 0;
  readonly encoding = undefined;
  readonly parked = undefined;

  constructor(
    readonly id: string | undefined,
    readonly key: string | undefined,
    readonly priority: number,
    readonly sentAtMs: number,
    readonly pattern: string | undefined,
    readonly replyTo: ReplyAddress | undefined,
    readonly expiresAtMs: number | undefined,
    readonly body: Buffer,
  ) {}
}

function decodeUsual(element: Buffer): Envelope | undefined {
  const end = element.indexOf(NEWLINE);
  if (end === -1 || end > LONGEST_USUAL_HEADER) return undefined;
  const header = USUAL_HEADER.exec(element.toString('latin1', 0, end));
  if (header === null) return undefined;
  const [, key, priority, id, sentAt, pattern, list, request, expiresAt] = header;
  return new UsualEnvelope(
    id,
    key === undefined ? undefined : readKey(key),
    priority === undefined ? USUAL_PRIORITY : Number(priority),
    Number(sentAt),
    pattern,
    list === undefined ? undefined : { list, request: Number(request) },
    expiresAt === undefined ? undefined : Number(expiresAt),
    element.subarray(end + 1),
  );
}

function decodeAny(element: Buffer): Envelope {
  const parts = splitHeader(element);
  if (parts === undefined) return plainData(element);
  const header = parseHeader(parts.header);
  const front = readFront(parts.header);
  if (front === undefined)
    throw new UndecodableError('The header does not begin with exactly {"rq":1.');
  if (header[UNREADABLE] === true) {
    throw new UndecodableError(
      `The element is large and its header cannot be read. The whole element is parked as "${front.parked}".`,
    );
  }
  const key = keyOf(element)?.key;
  return {
    id: optional(header, 'id', isString),
    key: key === undefined ? undefined : readKey(key),
    priority: priorityOf(element),
    sentAtMs: optional(header, 'at', isFiniteNumber),
    pattern: optional(header, 'pattern', isString),
    replyTo: replyAddress(header),
    expiresAtMs: optional(header, 'expiresAt', isFiniteNumber),
    headers: optional(header, 'headers', isStringRecord) ?? NO_HEADERS,
    metadata: header['metadata'],
    attempt: front.attempt,
    postponed: front.postponed,
    crashes: front.crashes,
    encoding: readEncoding(header),
    parked: front.parked,
    body: parts.body,
  };
}

/**
 * The same message with its attempt raised by one. It is no longer a suspect, since its handler ended. `postponements`
 * is 1 if the handler asked to run later. Every other byte is kept.
 */
export function withNextAttempt(element: Buffer, newId: string, postponements: 0 | 1 = 0): Buffer {
  const front = splitHeader(element) === undefined ? undefined : readFront(element);
  if (front === undefined) {
    const fresh = { crashes: 0, attempt: 2, parked: undefined, postponed: postponements };
    const header = `${frontText(fresh)},"id":${quote(newId)}}\n`;
    return Buffer.concat([Buffer.from(header), element]);
  }
  const { attempt, parked, end } = front;
  const postponed = front.postponed + postponements;
  const raised = frontText({ crashes: 0, attempt: attempt + 1, parked, postponed });
  return Buffer.concat([Buffer.from(raised), element.subarray(end)]);
}

function replyAddress(header: Record<string, unknown>): ReplyAddress | undefined {
  const list = optional(header, 'replyTo', isString);
  if (list === undefined) return undefined;
  const request = optional(header, 're', isExactNumber);
  if (request === undefined)
    throw new UndecodableError('The header has "replyTo" but lacks the number "re".');
  const waitMs = optional(header, 'waitMs', isFiniteNumber);
  return waitMs === undefined ? { list, request } : { list, request, waitMs };
}

/** How the body is encoded, by the header of a message or a reply. @throws UndecodableError */
export function readEncoding(header: Record<string, unknown>): BodyEncoding | undefined {
  const codec = optional(header, 'codec', isString);
  const zip = optional(header, 'zip', isString);
  return codec === undefined && zip === undefined ? undefined : { codec, zip };
}

function plainData(element: Buffer): Envelope {
  return {
    id: undefined,
    key: undefined,
    priority: USUAL_PRIORITY,
    sentAtMs: undefined,
    pattern: undefined,
    replyTo: undefined,
    expiresAtMs: undefined,
    headers: NO_HEADERS,
    metadata: undefined,
    attempt: 1,
    postponed: 0,
    crashes: 0,
    encoding: undefined,
    parked: undefined,
    body: element,
  };
}
