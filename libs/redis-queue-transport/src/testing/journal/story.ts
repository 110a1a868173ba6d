import { printable } from '../../core/message/printable.js';

interface Line {
  readonly atMs: number;
  readonly app: string;
  readonly pattern: string;
  readonly id: string | undefined;
  readonly what: string;
}

/** A failure that prints thousands of lines says nothing. */
const MOST_LINES = 60;

/** What happened, in its order, for people. */
export class Story {
  readonly #beganAt = performance.now();
  readonly #lines: Line[] = [];

  add(app: string, pattern: string, id: string | undefined, what: string): void {
    this.#lines.push({ atMs: performance.now() - this.#beganAt, app, pattern, id, what });
  }

  toString(): string {
    if (this.#lines.length === 0) return 'Nothing has happened yet.';
    const shown = this.#lines.slice(-MOST_LINES);
    const left = this.#lines.length - shown.length;
    const before = left > 0 ? [`  … ${left} earlier lines`] : [];
    return ['What happened:', ...before, ...shown.map(textOf)].join('\n');
  }
}

function textOf({ atMs, pattern, id, what }: Line): string {
  const at = `${atMs.toFixed(0)} ms`.padStart(9);
  return `${at}  ${printable(pattern)} ${id ?? '(no id)'}  ${printable(what)}`;
}
