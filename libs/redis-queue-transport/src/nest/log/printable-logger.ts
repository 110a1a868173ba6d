import { Logger } from '@nestjs/common';
import { messageOf } from '../../core/errors/errors.js';

/**
 * Controls, line ends, and marks that change the direction of text or hide in it: in a log they would look like other
 * lines, or tell the terminal what to do.
 */
// eslint-disable-next-line no-control-regex -- these are what is looked for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Text of others on one line, with what cannot be printed as JSON would write it. */
export function printable(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (mark) => SHORT[mark] ?? `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The lines of a stack are its own; those of the message at its beginning are not. */
function printableStack(stack: string): string {
  return stack
    .split(/\n(?=\s+at )/)
    .map((line) => line.replace(/^ +/, '').trimEnd())
    .map(printable)
    .join('\n    ');
}

/**
 * Nest's logger for text that others have a part in: ids, patterns, headers, and what handlers throw come from whoever may
 * send a message.
 */
export class PrintableLogger extends Logger {
  override log(message: unknown, ...rest: unknown[]): void {
    super.log(printableOf(message), ...rest);
  }

  /** What follows the message is a stack. */
  override warn(message: unknown, ...rest: unknown[]): void {
    super.warn(printableOf(message), ...rest.map(printableStackOf));
  }

  override debug(message: unknown, ...rest: unknown[]): void {
    super.debug(printableOf(message), ...rest);
  }

  /** What follows the message is a stack. */
  override error(message: unknown, ...rest: unknown[]): void {
    const stacks = rest.map(printableStackOf);
    if (!(message instanceof Error)) return super.error(printableOf(message), ...stacks);
    const stack = typeof message.stack === 'string' ? [printableStack(message.stack)] : [];
    super.error(printable(messageOf(message)), ...stack, ...stacks);
  }
}

function printableStackOf(stack: unknown): unknown {
  return typeof stack === 'string' ? printableStack(stack) : stack;
}

function printableOf(message: unknown): unknown {
  return typeof message === 'string' ? printable(message) : message;
}
