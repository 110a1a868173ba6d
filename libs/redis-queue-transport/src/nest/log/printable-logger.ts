import { Logger } from '@nestjs/common';
import { printable } from '../../core/message/printable.js';
import { messageOf } from '../../core/errors/message-of.js';

/** Keeps the lines of a stack, but not those of the message at its beginning. */
function printableStack(stack: string): string {
  return stack
    .split(/\n(?=\s+at )/)
    .map((line) => line.replace(/^ +/, '').trimEnd())
    .map(printable)
    .join('\n    ');
}

/**
 * Nest's logger for untrusted text: ids, patterns, headers, and thrown errors may come from anyone who can send a
 * message.
 */
export class PrintableLogger extends Logger {
  override log(message: unknown, ...rest: unknown[]): void {
    super.log(printableOf(message), ...rest);
  }

  /** Arguments after the message are stacks. */
  override warn(message: unknown, ...rest: unknown[]): void {
    super.warn(printableOf(message), ...rest.map(printableStackOf));
  }

  override debug(message: unknown, ...rest: unknown[]): void {
    super.debug(printableOf(message), ...rest);
  }

  /** Arguments after the message are stacks. */
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
