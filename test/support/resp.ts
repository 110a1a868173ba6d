const LINE_END = '\r\n';
const HEADER_ONLY = '+-:_#,(';
const WITH_BYTES = '$=!';
const WITH_ELEMENTS = '*~>';
const WITH_PAIRS = '%|';

/** Where the frame of Redis's protocol (RESP 2 or 3) that begins at `start` ends; undefined if it is not complete. */
export function frameEnd(bytes: Buffer, start: number): number | undefined {
  const lineEnd = bytes.indexOf(LINE_END, start);
  if (lineEnd === -1) return undefined;
  const type = String.fromCharCode(bytes[start] ?? 0);
  const next = lineEnd + LINE_END.length;
  if (HEADER_ONLY.includes(type)) return next;
  const count = Number(bytes.toString('latin1', start + 1, lineEnd));
  if (WITH_BYTES.includes(type)) return within(bytes, count < 0 ? next : next + count + 2);
  if (WITH_ELEMENTS.includes(type)) return elementsEnd(bytes, next, count);
  if (WITH_PAIRS.includes(type)) return elementsEnd(bytes, next, count * 2);
  throw new Error(`No RESP frame begins with ${JSON.stringify(type)}.`);
}

function elementsEnd(bytes: Buffer, start: number, count: number): number | undefined {
  let end: number | undefined = start;
  for (let left = count; left > 0 && end !== undefined; left -= 1) end = frameEnd(bytes, end);
  return end;
}

function within(bytes: Buffer, end: number): number | undefined {
  return end <= bytes.length ? end : undefined;
}

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  #rest = Buffer.alloc(0);

  /** The frames that are complete now. */
  read(bytes: Buffer): Buffer[] {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const frames: Buffer[] = [];
    for (;;) {
      const end = this.#rest.length === 0 ? undefined : frameEnd(this.#rest, 0);
      if (end === undefined) return frames;
      frames.push(this.#rest.subarray(0, end));
      this.#rest = this.#rest.subarray(end);
    }
  }
}

/** The words of a command: an array of strings. */
export function commandWords(frame: Buffer): string[] {
  const words: string[] = [];
  let at = frame.indexOf(LINE_END) + LINE_END.length;
  while (at < frame.length) {
    const lineEnd = frame.indexOf(LINE_END, at);
    const length = Number(frame.toString('latin1', at + 1, lineEnd));
    const from = lineEnd + LINE_END.length;
    words.push(frame.toString('utf8', from, from + length));
    at = from + length + LINE_END.length;
  }
  return words;
}
