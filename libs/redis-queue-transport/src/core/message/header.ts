import { isUtf8 } from 'node:buffer';
import { parseJson } from '../body/json.js';
import { UndecodableError } from '../errors/data-errors.js';

/** The format version that this release writes, and the only one that it reads. */
export const FORMAT_VERSION = 1;

/**
 * A longer header line is not read: it would take time and memory, and handlers get all of it.
 */
export const MAX_HEADER_BYTES = 65_536;

/** The longest header that is sent. Counts of later attempts and a dead-letter history must still fit. */
export const MAX_SENT_HEADER_BYTES = MAX_HEADER_BYTES - 1_024;

/** The bytes of the header line, and those behind its newline. */
export interface Parts {
  readonly header: Buffer;
  readonly body: Buffer;
}

/**
 * The fields right behind "rq" in a header, where scripts read and write them without parsing JSON. The same names
 * elsewhere in the header are ignored: scripts and processes must agree on them.
 */
export interface Front {
  /** How often the message was running when its process died. */
  readonly crashes: number;
  /** From 1. */
  readonly attempt: number;
  /** The name of the parked body; undefined if the body is in the element. */
  readonly parked: string | undefined;
  /** How many earlier attempts ended because the handler asked to run later. */
  readonly postponed: number;
  /** Where the rest of the header begins: at a comma, or at the closing brace. */
  readonly end: number;
}

/** The counts of a message that was never handed out. */
export const WITHOUT_COUNTS = { crashes: 0, attempt: 1, postponed: 0 } as const;

/** Field of a header that replaces an unreadable one. The unreadable header is parked together with its body. */
export const UNREADABLE = 'unreadable';

const OPENING_BRACE = 0x7b;
const NEWLINE = 0x0a;

/** A first line is a header if "rq" is its first key, so that data of other programs is not mistaken for one. */
const HEADER_START = /^\{\s*"rq"\s*:/;

const FRONT =
  /^\{\s*"rq"\s*:\s*1\s*(?:,"crashes":(\d+)(?=[,}]))?(?:,"attempt":(\d+)(?=[,}]))?(?:,"parked":"([\w-]+)"(?=[,}]))?(?:,"postponed":(\d+)(?=[,}]))?(?=\s*[,}])/;
/** The longest front. */
const FRONT_BYTES = 224;

/** How a message of this library begins before it is first handed out: with its id or key right after "rq", without counts. */
const USUAL_FRONT = '{"rq":1,"';
/** Where the first letter of the second field stands, which tells most elements from others. */
export const ID_BYTE = USUAL_FRONT.length;
export const LETTER_I = 0x69;
const LETTER_K = 0x6b;
const USUAL: Front = {
  crashes: 0,
  attempt: 1,
  parked: undefined,
  postponed: 0,
  end: ID_BYTE - 2,
};

/** The highest count, in scripts too: other programs may have written numbers that cannot be raised by one. */
const MOST_COUNTED = 1_000_000;

/** Undefined for plain data: bytes that do not begin like a header, or have no newline. */
export function splitHeader(element: Buffer): Parts | undefined {
  if (element[0] !== OPENING_BRACE) return undefined;
  if (!HEADER_START.test(element.toString('latin1', 0, 32))) return undefined;
  const end = element.indexOf(NEWLINE);
  if (end === -1) return undefined;
  return { header: element.subarray(0, end), body: element.subarray(end + 1) };
}

/** Undefined if the version is not written the way scripts read it. */
export function readFront(header: Buffer): Front | undefined {
  const letter = header[ID_BYTE];
  const isUsual = letter === LETTER_I || letter === LETTER_K;
  if (isUsual && header.toString('latin1', 0, ID_BYTE) === USUAL_FRONT) return USUAL;
  const front = FRONT.exec(header.toString('latin1', 0, FRONT_BYTES));
  if (front === null) return undefined;
  const [text, crashes, attempt, parked, postponed] = front;
  return {
    crashes: countOf(crashes, 0),
    attempt: Math.max(1, countOf(attempt, 1)),
    parked,
    postponed: countOf(postponed, 0),
    end: text.length,
  };
}

function countOf(digits: string | undefined, otherwise: number): number {
  return digits === undefined ? otherwise : Math.min(Number(digits), MOST_COUNTED);
}

/** The beginning of a header, up to the rest of its fields. */
export function frontText({ crashes, attempt, parked, postponed }: Omit<Front, 'end'>): string {
  let text = `{"rq":${FORMAT_VERSION}`;
  if (crashes > 0) text += `,"crashes":${crashes}`;
  if (attempt > 1) text += `,"attempt":${attempt}`;
  if (parked !== undefined) text += `,"parked":"${parked}"`;
  if (postponed > 0) text += `,"postponed":${postponed}`;
  return text;
}

/** @throws UndecodableError */
export function parseHeader(line: Buffer): Record<string, unknown> {
  if (line.length > MAX_HEADER_BYTES) {
    throw new UndecodableError(
      `The header line has ${line.length} bytes; at most ${MAX_HEADER_BYTES} are read.`,
    );
  }
  if (!isUtf8(line)) throw new UndecodableError('The header line is not UTF-8.');
  const header = parseJson(line.toString(), 'The header line');
  if (!isRecord(header)) throw new UndecodableError('The header line is not a JSON object.');
  if (header['rq'] !== FORMAT_VERSION) {
    throw new UndecodableError(
      `The header has format version ${shown(header['rq'])}; this release reads version ${FORMAT_VERSION}.`,
    );
  }
  return header;
}

/** A field's value; undefined when it is absent. @throws UndecodableError for a value of another type */
export function optional<T>(
  header: Record<string, unknown>,
  field: string,
  is: (value: unknown) => value is T,
): T | undefined {
  const value = header[field];
  if (value === undefined) return undefined;
  if (is(value)) return value;
  throw new UndecodableError(`The header field "${field}" has an unusable value: ${shown(value)}.`);
}

const MOST_SHOWN = 100;

/** Shortened: a value may have any size, and be nested too deeply to be written. */
function shown(value: unknown): string {
  if (typeof value !== 'object' || value === null)
    return JSON.stringify(value).slice(0, MOST_SHOWN);
  return Array.isArray(value) ? 'a list' : 'an object';
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isString(value: unknown): value is string {
  return typeof value === 'string';
}

/** Whether parsing kept every digit: other programs write whole numbers of any size. */
export function isExactNumber(value: unknown): value is number {
  if (typeof value !== 'number' || !Number.isFinite(value)) return false;
  return Number.isSafeInteger(value) || !Number.isInteger(value);
}

export function isFiniteNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

export function isStringRecord(value: unknown): value is Record<string, string> {
  return isRecord(value) && Object.values(value).every(isString);
}
