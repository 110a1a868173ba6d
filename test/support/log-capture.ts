import type { LoggerService } from '@nestjs/common';

export interface LogLine {
  readonly level: 'log' | 'warn' | 'error' | 'debug';
  readonly text: string;
  /** What was passed with the text, such as a stack. */
  readonly stack: string | undefined;
  /** The name of the logger. */
  readonly context: string;
}

/** Keeps what an app logs, and prints nothing. */
export class LogCapture implements LoggerService {
  #lines: LogLine[] = [];

  get lines(): readonly LogLine[] {
    return this.#lines;
  }

  /** The texts of one level that match. */
  matching(level: LogLine['level'], pattern: RegExp): string[] {
    return this.#lines
      .filter((line) => line.level === level && pattern.test(line.text))
      .map((line) => line.text);
  }

  clear(): void {
    this.#lines = [];
  }

  log(message: unknown, ...rest: unknown[]): void {
    this.#add('log', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.#add('warn', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.#add('error', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.#add('debug', message, rest);
  }

  #add(level: LogLine['level'], message: unknown, rest: unknown[]): void {
    const text = message instanceof Error ? message.message : String(message);
    const context = rest.at(-1);
    const stack = rest.length > 1 && typeof rest[0] === 'string' ? rest[0] : undefined;
    this.#lines.push({ level, text, stack, context: typeof context === 'string' ? context : '' });
  }
}
