import { COMMANDS } from './commands.js';
import { EXIT } from './words/exit-code.js';
import type { ExitCode } from './words/exit-code.js';
import { errorText, exitCodeOf } from './words/failures.js';
import { commandHelp, overviewHelp } from './command/help.js';
import { parse } from './command/parse.js';
import type { Parsed } from './command/parse.js';
import { UsageError } from './words/usage-error.js';
import { connectionSettings } from './connection/connection-settings.js';
import { Session } from './command/session.js';
import { jsonText } from './output/json.js';
import { Output } from './output/output.js';
import type { Streams } from './output/output.js';
import { Terminal, mayHaveColors } from './output/terminal.js';

/** What the program gets from its process. */
export interface Surroundings extends Streams {
  readonly environment: NodeJS.ProcessEnv;
  readonly directory: string;
  readonly input: NodeJS.ReadStream;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  version(): string;
}

/** Runs one command line. Never rejects. */
export async function program(
  words: readonly string[],
  surroundings: Surroundings,
): Promise<ExitCode> {
  const { out, err, environment } = surroundings;
  const terminal = new Terminal(mayHaveColors(out, environment));
  const notes = new Terminal(mayHaveColors(err, environment));
  const output = new Output({ out, err }, words.includes('--json'), terminal, notes);
  try {
    const parsed = parse(words, COMMANDS);
    if (parsed.kind === 'version') return print(out, `${surroundings.version()}\n`);
    if (parsed.kind === 'help') return print(out, helpOf(parsed, terminal));
    const { given, command, args } = parsed;
    const settings = connectionSettings(given, environment, surroundings.directory);
    output.hide(settings.secrets);
    const { signal, input } = surroundings;
    const session = new Session({ settings, given, output, input, args, signal, notes: err });
    try {
      return await command.run(session.call);
    } finally {
      await session.close();
    }
  } catch (error) {
    const hint = error instanceof UsageError ? error.hint : undefined;
    output.error(textOf(error), hint);
    return exitCodeOf(error);
  }
}

function print(out: NodeJS.WriteStream, text: string): ExitCode {
  out.write(text);
  return EXIT.done;
}

function helpOf(
  { command, ...rest }: Extract<Parsed, { readonly kind: 'help' }>,
  terminal: Terminal,
): string {
  if (command !== undefined) return commandHelp(command, terminal);
  return overviewHelp(COMMANDS, terminal, rest.group);
}

/** A fault of the program itself is shown with its stack, since nobody expects it. */
function textOf(error: unknown): string {
  if (exitCodeOf(error) !== EXIT.fault) return errorText(error);
  if (!(error instanceof Error)) return jsonText(error);
  return error.stack ?? error.message;
}
