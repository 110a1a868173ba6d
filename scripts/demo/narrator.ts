import type { Display } from './display.js';

const WIDTH = 110;
const INDENT = ' '.repeat(13);

/** Tells the story: numbered steps, each with what should happen, what is done, and what happened. */
export class Narrator {
  #step = 0;
  #since = 0;

  constructor(private readonly display: Display) {}

  /** Begins a new step. */
  begin(title: string, expected: string): void {
    this.#step += 1;
    this.#since = performance.now();
    this.display.note(`\n${this.#step}. ${title}`);
    this.#paragraph('expected', expected);
  }

  /** Shows something that is done, as you would type it. */
  command(text: string): void {
    this.display.note(`${INDENT}$ ${text}`);
  }

  saw(text: string): void {
    const seconds = ((performance.now() - this.#since) / 1_000).toFixed(1);
    this.#paragraph('seen', `${text} (${seconds} s)`);
  }

  /** Says why the step is not as expected. */
  sawInstead(text: string): void {
    this.#paragraph('seen', `NOT AS EXPECTED: ${text}`);
  }

  #paragraph(label: string, text: string): void {
    const lines = text.split('\n').flatMap(wrapped);
    const [first = '', ...rest] = lines;
    this.display.note(`   ${label.padEnd(INDENT.length - 3)}${first}`);
    for (const line of rest) this.display.note(`${INDENT}${line}`);
  }
}

function wrapped(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > WIDTH - INDENT.length) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
