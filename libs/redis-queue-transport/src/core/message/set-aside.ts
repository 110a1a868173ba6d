import {
  MAX_HEADER_BYTES,
  UNREADABLE,
  WITHOUT_COUNTS,
  frontText,
  readFront,
  splitHeader,
} from './header.js';
import type { Parts } from './header.js';
import { keyOf } from './key.js';
import { USUAL_PRIORITY, priorityOf } from './priority.js';

/** An element in two parts: a small one that takes its place in the list, and the body, which is parked. */
export interface SetAside {
  readonly element: Buffer;
  readonly body: Buffer;
}

/**
 * Divides an element of another program so that its body can be parked under a name. An element without a header gets
 * one, with a new id. If the header cannot be read, it is parked with the body, and the new header says so.
 */
export function setAside(element: Buffer, name: string, newId: string): SetAside {
  const parts = splitHeader(element);
  const kept = parts && withBodyAt(name, parts);
  if (kept !== undefined) return kept;
  const unreadable = parts === undefined ? '' : `,"${UNREADABLE}":true`;
  const key = keyOf(element)?.key;
  const keyField = key === undefined ? '' : `,"key":"${key}"`;
  const priority = priorityOf(element);
  const priorityField = priority === USUAL_PRIORITY ? '' : `,"priority":${priority}`;
  const front = frontText({ ...WITHOUT_COUNTS, parked: name }) + keyField + priorityField;
  const header = `${front},"id":${JSON.stringify(newId)}${unreadable}}\n`;
  return { element: Buffer.from(header), body: element };
}

/** Undefined if the header is too long to be read, is of another version, or already names a parked body. */
function withBodyAt(name: string, { header, body }: Parts): SetAside | undefined {
  const front = header.length > MAX_HEADER_BYTES ? undefined : readFront(header);
  if (front === undefined || front.parked !== undefined) return undefined;
  const beginning = Buffer.from(frontText({ ...front, parked: name }));
  return { element: Buffer.concat([beginning, header.subarray(front.end), LINE_END]), body };
}

const LINE_END = Buffer.from('\n');
