import { ID_BYTE, LETTER_I } from './header.js';

/** The most bytes that a key may have as it is written. */
export const MOST_KEY_BYTES = 255;

/** The most digits of a count in front of the key: more than a count ever gets here. */
export const MOST_DIGITS = 15;
/** The most bytes of the name of a parked body in front of the key. */
export const MOST_NAME_BYTES = 64;

/**
 * Each part has a bound, not all of it together: an element must not lose its key when a count is raised or added, or its
 * body is parked.
 */
const COUNT = `\\d{1,${MOST_DIGITS}}`;
export const COUNTS =
  `^\\{"rq":1(,"crashes":${COUNT})?(,"attempt":${COUNT})?(?:,"parked":"[\\w-]{1,${MOST_NAME_BYTES}}")?` +
  `(?:,"postponed":${COUNT})?`;
export const KEY_FIELD = `,"key":"([\\w.!~*'()%-]{1,${MOST_KEY_BYTES}})"`;
const FRONT = new RegExp(`${COUNTS}${KEY_FIELD}[,}]`);

/** The longest beginning of an element that tells its key. */
export const KEY_WINDOW =
  '{"rq":1,"crashes":,"attempt":,"parked":"","postponed":,"key":"",'.length +
  3 * MOST_DIGITS +
  MOST_NAME_BYTES +
  MOST_KEY_BYTES;

/**
 * A key as it is written in headers, and in the names of lanes: percent-encoded, so that scripts read it without parsing
 * JSON. A key that cannot be written is undefined: it has a lone surrogate.
 */
export function writtenKey(key: string): string | undefined {
  try {
    return encodeURIComponent(key);
  } catch {
    return undefined;
  }
}

/** Whether a sender may give it. */
export function isKey(key: string): boolean {
  const { length = 0 } = writtenKey(key) ?? '';
  return length > 0 && length <= MOST_KEY_BYTES;
}

/** The reverse. What others wrote and what is no percent-encoding is the key itself. */
export function readKey(written: string): string {
  try {
    return decodeURIComponent(written);
  } catch {
    return written;
  }
}

/** What an element says about the order that it belongs to. */
export interface KeyOf {
  /** As it is written. */
  readonly key: string;
  /** It was handed out before, so it is among those of its key that are out. */
  readonly wasOut: boolean;
}

/**
 * The key of an element; undefined for most, which have none. The key stands right behind the counts; anywhere else the
 * name means nothing. Scripts have the same rule (redis/lua/lanes-lua.ts): the two must agree on every element, also
 * on those of other programs.
 */
export function keyOf(element: string | Buffer): KeyOf | undefined {
  // This byte alone tells most elements.
  const isText = typeof element === 'string';
  if ((isText ? element.charCodeAt(ID_BYTE) : element[ID_BYTE]) === LETTER_I) return undefined;
  const beginning = isText
    ? element.slice(0, KEY_WINDOW)
    : element.toString('latin1', 0, KEY_WINDOW);
  const front = FRONT.exec(beginning);
  if (front === null || !element.includes('\n')) return undefined;
  const [, crashes, attempt, key = ''] = front;
  return { key, wasOut: crashes !== undefined || attempt !== undefined };
}
