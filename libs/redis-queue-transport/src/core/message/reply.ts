import { isUtf8 } from 'node:buffer';
import { EncodedBody } from '../body/body.js';
import type { BodyEncoding, OutgoingBody } from '../body/body.js';
import { encodingFields, readEncoding } from './envelope.js';
import type { Element } from './envelope.js';
import { parseJson } from '../body/json.js';
import { UndecodableError } from '../errors/data-errors.js';
import { MAX_HEADER_BYTES } from './header.js';

/**
 * One value, or the error, in response to a request. It is written to the caller's reply list in the form of an
 * envelope: one header line, a newline, the body. An empty body means `undefined`.
 */
export interface Reply {
  /** The number under which the caller waits. */
  readonly request: number;
  readonly kind: 'value' | 'error';
  /** Nothing follows. */
  readonly last: boolean;
}

export interface OutgoingReply extends Reply {
  readonly body: OutgoingBody | Buffer;
}

export interface ReceivedReply extends Reply {
  /** Undefined for plain JSON. */
  readonly encoding: BodyEncoding | undefined;
  readonly body: Buffer;
}

export function encodeReply(reply: OutgoingReply): Element {
  const error = reply.kind === 'error' ? ',"error":true' : '';
  const last = reply.last ? ',"last":true' : '';
  const header = `{"rq":1,"re":${reply.request}${error}${last}`;
  const { body } = reply;
  if (typeof body === 'string') return `${header}}\n${body}`;
  const [bytes, fields] =
    body instanceof EncodedBody ? [body.bytes, encodingFields(body.encoding)] : [body, ''];
  return Buffer.concat([Buffer.from(`${header}${fields}}\n`), bytes]);
}

/** The header of a reply of this release. Matching it takes half the time of parsing. */
const USUAL_HEADER = /^\{"rq":1,"re":(0|[1-9]\d*)(,"error":true)?(,"last":true)?\}$/;
const LONGEST_USUAL_HEADER = 128;

/** @throws UndecodableError */
export function decodeReply(element: Buffer): ReceivedReply {
  const end = element.indexOf(0x0a);
  if (end !== -1 && end < LONGEST_USUAL_HEADER) {
    const usual = USUAL_HEADER.exec(element.toString('latin1', 0, end));
    if (usual !== null) {
      const [, request, error, last] = usual;
      return {
        request: Number(request),
        kind: error === undefined ? 'value' : 'error',
        last: last !== undefined,
        encoding: undefined,
        body: element.subarray(end + 1),
      };
    }
  }
  const line = element.subarray(0, end === -1 ? element.length : end);
  if (line.length > MAX_HEADER_BYTES) {
    throw new UndecodableError(
      `The header line of a reply has ${line.length} bytes; at most ${MAX_HEADER_BYTES} are read.`,
    );
  }
  if (!isUtf8(line)) throw new UndecodableError('The header line of a reply is not UTF-8.');
  const header = parseJson(line.toString(), 'The header line of a reply');
  if (
    typeof header !== 'object' ||
    header === null ||
    !('re' in header) ||
    typeof header.re !== 'number'
  ) {
    throw new UndecodableError('The header line of a reply lacks the number "re".');
  }
  return {
    request: header.re,
    kind: 'error' in header && header.error === true ? 'error' : 'value',
    last: 'last' in header && header.last === true,
    encoding: readEncoding({ ...header }),
    body: end === -1 ? element.subarray(element.length) : element.subarray(end + 1),
  };
}
