import type { RedisQueueAdmin, RedisQueueClient } from '../../index.js';
import type { ConnectionSettings } from '../connection/connection-settings.js';
import type { Output } from '../output/output.js';
import type { ExitCode } from '../words/exit-code.js';
import type { Given } from '../words/given.js';

/** A word after the command. */
export interface Argument {
  readonly name: string;
  readonly about: string;
  /** Default: exactly one. */
  readonly count?: 'optional' | 'many' | 'any';
}

/** An option of a command: a flag, or one with a value. */
export interface Option {
  readonly about: string;
  /** What stands for the value in the help. Without it, the option is a flag. */
  readonly value?: string;
  readonly short?: string;
  /** May be given several times. */
  readonly isList?: boolean;
}

export type Options = Readonly<Record<string, Option>>;

/** One command, and all that its help says. */
export interface Command {
  /** One word, or two as in `dead list`. */
  readonly name: string;
  /** One line. */
  readonly about: string;
  /** What else a newcomer needs to know; each is a paragraph. */
  readonly details?: readonly string[];
  readonly args: readonly Argument[];
  readonly options: Options;
  /** Without the name of the program. */
  readonly examples: readonly string[];
  run(call: Call): Promise<ExitCode>;
}

/** One use of a command: what was given, and what it works with. */
export interface Call {
  readonly args: readonly string[];
  readonly given: Given;
  readonly output: Output;
  readonly settings: ConnectionSettings;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Opened with the first call, closed at the end. */
  readonly admin: () => Promise<RedisQueueAdmin>;
  readonly client: () => Promise<RedisQueueClient>;
  /** Whether the user agrees, or has given `--yes`. @throws UsageError if nobody can be asked */
  readonly agrees: (question: string) => Promise<boolean>;
  /** Closed at the end of the call. */
  readonly closeLater: (closable: { close(): Promise<unknown> }) => void;
}
