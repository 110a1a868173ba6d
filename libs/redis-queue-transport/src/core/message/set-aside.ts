import {
  MAX_HEADER_BYTES,
  UNREADABLE,
  WITHOUT_COUNTS,
  frontText,
  readFront,
  splitHeader,
} from './header.js';
import type { Parts } from './header.js';

/** An element in two: what stands for it in a list, and the body, which stands beside the list. */
export interface SetAside {
  readonly element: Buffer;
  readonly body: Buffer;
}

/**
 * Divides an element of any kind, as somebody else put it into a list, so that its body can stand beside the list under a
 * name. What has no header gets one, with a new id. A header that cannot be read goes with what is behind it, and the new
 * one says so.
 */
export function setAside(element: Buffer, name: string, newId: string): SetAside {
  const parts = splitHeader(element);
  const kept = parts && withBodyAt(name, parts);
  if (kept !== undefined) return kept;
  const unreadable = parts === undefined ? '' : `,"${UNREADABLE}":true`;
  const front = frontText({ ...WITHOUT_COUNTS, parked: name });
  const header = `${front},"id":${JSON.stringify(newId)}${unreadable}}\n`;
  return { element: Buffer.from(header), body: element };
}

/** Undefined for a header that is too long to be read, is no header of this version, or has a body elsewhere. */
function withBodyAt(name: string, { header, body }: Parts): SetAside | undefined {
  const front = header.length > MAX_HEADER_BYTES ? undefined : readFront(header);
  if (front === undefined || front.parked !== undefined) return undefined;
  const beginning = Buffer.from(frontText({ ...front, parked: name }));
  return { element: Buffer.concat([beginning, header.subarray(front.end), LINE_END]), body };
}

const LINE_END = Buffer.from('\n');
