import { isUtf8 } from 'node:buffer';
import { UndecodableError, UnencodableError, messageOf } from '../errors/errors.js';

/**
 * The JSON text of a value; `undefined` (which JSON lacks) becomes no bytes at all.
 * @throws UnencodableError also for what JSON leaves out without a word: a function, a symbol
 */
export function encodeJson(value: unknown): string {
  const text = jsonOf(value);
  if (text !== undefined) return text;
  if (value === undefined) return '';
  throw new UnencodableError(
    `The data cannot be written as JSON: it is a ${typeof value} that has no form there. Send plain data.`,
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
  try {
    return JSON.parse(body.toString()) as unknown;
  } catch (error) {
    throw new UndecodableError(`The body is not JSON: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Likewise of what a program wrote that knows nothing of JSON: text that is none is a string.
 * @throws UndecodableError when it is no text
 */
export function decodeJsonOrText(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  if (!isUtf8(body)) throw new UndecodableError('The body is not UTF-8 text.');
  const text = body.toString();
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Not JSON: the caller asked for the text then.
    return text;
  }
}
