import { constants, gunzipSync, gzipSync } from 'node:zlib';
import { PayloadTooLargeError, UndecodableError } from '../errors/data-errors.js';
import { messageOf } from '../errors/message-of.js';

/** The name, in the header, of the only compression that this release writes and reads. */
export const GZIP = 'gzip';

/** Compression must save at least a tenth. */
const WORTH_WHILE = 0.9;
const SAMPLE_PIECES = 4;
const PIECE_BYTES = 2_048;
const SAMPLE_BYTES = SAMPLE_PIECES * PIECE_BYTES;

/**
 * The compressed body, or undefined if compressing saves less than a tenth. For large bodies, tries a sample first.
 */
export function compress(body: Buffer): Buffer | undefined {
  if (body.length > 2 * SAMPLE_BYTES && gzip(sampleOf(body)) === undefined) return undefined;
  return gzip(body);
}

function gzip(bytes: Buffer): Buffer | undefined {
  const zipped = gzipSync(bytes, { level: constants.Z_BEST_SPEED });
  return zipped.length <= bytes.length * WORTH_WHILE ? zipped : undefined;
}

/** Pieces from all over the body: its beginning is often unlike the rest. */
function sampleOf(body: Buffer): Buffer {
  const step = Math.floor((body.length - PIECE_BYTES) / (SAMPLE_PIECES - 1));
  const pieces = Array.from({ length: SAMPLE_PIECES }, (_, i) =>
    body.subarray(i * step, i * step + PIECE_BYTES),
  );
  return Buffer.concat(pieces);
}

/**
 * Stops as soon as the result exceeds `maxBytes`, whatever size the compressed bytes claim.
 * @throws UndecodableError | PayloadTooLargeError
 */
export function decompress(body: Buffer, zip: string, maxBytes: number): Buffer {
  if (zip !== GZIP) {
    throw new UndecodableError(
      `The body is compressed with ${JSON.stringify(zip)}, but only ${GZIP} can be read here.`,
    );
  }
  try {
    return gunzipSync(body, { maxOutputLength: maxBytes });
  } catch (error) {
    if (isTooLarge(error)) throw new PayloadTooLargeError(claimedBytes(body, maxBytes), maxBytes);
    throw new UndecodableError(`The body is not ${GZIP}: ${messageOf(error)}`, { cause: error });
  }
}

function isTooLarge(error: unknown): boolean {
  return (
    typeof error === 'object' &&
    error !== null &&
    'code' in error &&
    error.code === 'ERR_BUFFER_TOO_LARGE'
  );
}

/** The size at the end of the gzip data, or at least the known one. */
function claimedBytes(body: Buffer, maxBytes: number): number {
  return Math.max(maxBytes + 1, body.readUInt32LE(body.length - 4));
}
