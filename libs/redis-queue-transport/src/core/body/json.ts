import { isUtf8 } from 'node:buffer';
import { UndecodableError, UnencodableError } from '../errors/data-errors.js';
import { messageOf } from '../errors/message-of.js';

/**
 * The JSON text of a value. `undefined`, which JSON lacks, becomes an empty body.
 * @throws UnencodableError, including for a function or a symbol, which JSON silently leaves out
 */
export function encodeJson(value: unknown): string {
  const text = jsonOf(value);
  if (text !== undefined) return text;
  if (value === undefined) return '';
  throw new UnencodableError(
    `The data cannot be written as JSON: JSON has no form for values of type ${typeof value}. Send plain data.`,
  );
}

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (error) {
    throw new UnencodableError(`The data cannot be written as JSON: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/**
 * The inverse of {@link encodeJson}.
 * @throws UndecodableError
 */
export function decodeJson(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  if (!isUtf8(body)) throw new UndecodableError('The body is not UTF-8 text.');
  return parseJson(body.toString(), 'The body');
}

/**
 * Parses JSON. Of Node's error it keeps only the position: the rest quotes the text, which must not appear in logs.
 * @throws UndecodableError with a message that begins with `what`
 */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const [place = ''] = / at position \d+/.exec(messageOf(error)) ?? [];
    throw new UndecodableError(`${what} is not JSON${place}.`);
  }
}

/**
 * Like {@link decodeJson}, for programs that may write plain text: text that is not JSON is returned as a string.
 * @throws UndecodableError if the body is not text
 */
export function decodeJsonOrText(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  if (!isUtf8(body)) throw new UndecodableError('The body is not UTF-8 text.');
  const text = body.toString();
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Not JSON, so it is plain text.
    return text;
  }
}
