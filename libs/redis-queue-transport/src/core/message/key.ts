/** The term of a queue that says how many messages of a key may be out at once, if that is more than one. */
export const PER_KEY_RUNNING = 'perKey.running';

/** The most bytes that a key may have as it is written. */
export const MOST_KEY_BYTES = 255;

/** The most bytes of the header in front of the key: all counts fit, and the name of a parked body. */
export const MOST_BEFORE = 128;
/** Behind the name of the field come the key, a quotation mark, and a comma or a brace. */
const WINDOW = MOST_BEFORE + ',"key":"'.length + MOST_KEY_BYTES + 2;

const FRONT =
  /^\{"rq":1(,"crashes":\d+)?(,"attempt":\d+)?(?:,"parked":"[\w-]+")?(?:,"postponed":\d+)?,"key":"([\w.!~*'()%-]{1,255})"[,}]/;

const ID_BYTE = '{"rq":1,"'.length;
const LETTER_I = 0x69;

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
 * name means nothing. Scripts have the same rule (redis/script/lanes-lua.ts): the two must agree on every element, whoever
 * wrote it.
 */
export function keyOf(element: string | Buffer): KeyOf | undefined {
  // This byte alone tells most elements.
  const isText = typeof element === 'string';
  if ((isText ? element.charCodeAt(ID_BYTE) : element[ID_BYTE]) === LETTER_I) return undefined;
  const beginning = isText ? element.slice(0, WINDOW) : element.toString('latin1', 0, WINDOW);
  const front = FRONT.exec(beginning);
  if (front === null || !element.includes('\n')) return undefined;
  const [text, crashes, attempt, key = ''] = front;
  const before = text.length - key.length - ',"key":""'.length - 1;
  if (before > MOST_BEFORE) return undefined;
  return { key, wasOut: crashes !== undefined || attempt !== undefined };
}
