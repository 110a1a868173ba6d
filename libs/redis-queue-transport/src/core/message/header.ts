import { isUtf8 } from 'node:buffer';
import { UndecodableError, messageOf } from '../errors/errors.js';

/** The format version that this release writes, and the only one that it reads. */
export const FORMAT_VERSION = 1;

/**
 * A longer header line is not read, whoever wrote it: reading takes time and memory, and a handler is given all of it.
 */
export const MAX_HEADER_BYTES = 65_536;

/** What is sent may be so long: the counts of later attempts, and why it was a dead letter once, come to it. */
export const MAX_SENT_HEADER_BYTES = MAX_HEADER_BYTES - 1_024;

/** A header line's bytes, and what follows its newline. */
export interface Parts {
  readonly header: Buffer;
  readonly body: Buffer;
}

/**
 * What stands right behind "rq" in a header, where scripts read and write it without parsing JSON. The same names
 * anywhere else in the header mean nothing: others would count differently.
 */
export interface Front {
  /** 0, or how often it was found running in a process that died. */
  readonly crashes: number;
  /** From 1. */
  readonly attempt: number;
  /** Under which name the body stands beside the queue; undefined when it is here. */
  readonly parked: string | undefined;
  /** How many of the attempts before this one ended by their handler's wish to run later. */
  readonly postponed: number;
  /** Where the rest of the header begins: at a comma, or at the closing brace. */
  readonly end: number;
}

/** Those of a message that was never handed out. */
export const WITHOUT_COUNTS = { crashes: 0, attempt: 1, postponed: 0 } as const;

/** Field of a header that stands for one that cannot be read. That one is parked, with what was behind it. */
export const UNREADABLE = 'unreadable';

const OPENING_BRACE = 0x7b;
const NEWLINE = 0x0a;

/** What makes a first line a header: "rq" is the first key, so that no other program's data is mistaken for one. */
const HEADER_START = /^\{\s*"rq"\s*:/;

const FRONT =
  /^\{\s*"rq"\s*:\s*1\s*(?:,"crashes":(\d+)(?=[,}]))?(?:,"attempt":(\d+)(?=[,}]))?(?:,"parked":"([\w-]+)"(?=[,}]))?(?:,"postponed":(\d+)(?=[,}]))?(?=\s*[,}])/;
/** The longest front that is looked for. */
const FRONT_BYTES = 224;

/** What a message of ours begins with that was never handed out: "id" comes next, and so no count. */
const USUAL_FRONT = '{"rq":1,"';
const ID_BYTE = USUAL_FRONT.length;
const LETTER_I = 0x69;
const USUAL: Front = {
  crashes: 0,
  attempt: 1,
  parked: undefined,
  postponed: 0,
  end: ID_BYTE - 2,
};

/** As far as counts go, in scripts too: what somebody else wrote may be beyond what can be counted on. */
const MOST_COUNTED = 1_000_000;

/** Undefined for plain data: what does not begin as a header, or has no newline. */
export function splitHeader(element: Buffer): Parts | undefined {
  if (element[0] !== OPENING_BRACE) return undefined;
  if (!HEADER_START.test(element.toString('latin1', 0, 32))) return undefined;
  const end = element.indexOf(NEWLINE);
  if (end === -1) return undefined;
  return { header: element.subarray(0, end), body: element.subarray(end + 1) };
}

/** Undefined where the version is not written as scripts read it. */
export function readFront(header: Buffer): Front | undefined {
  if (header[ID_BYTE] === LETTER_I && header.toString('latin1', 0, ID_BYTE) === USUAL_FRONT)
    return USUAL;
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

/** The beginning of a header up to where its rest begins. */
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
      `The header says format version ${shown(header['rq'])}; this release reads version ${FORMAT_VERSION}.`,
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

/** Not the whole of it: it may be of any size, and nested more deeply than can be written. */
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

/** No digit of it was lost when it was read: other programs write whole numbers of any size. */
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
