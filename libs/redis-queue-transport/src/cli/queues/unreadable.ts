import type { UnreadableQueue } from '../../index.js';
import type { Call } from '../command/command.js';
import { withoutSecrets } from '../connection/secrets.js';
import type { Cell } from '../output/table.js';
import { EXIT } from '../words/exit-code.js';
import type { ExitCode } from '../words/exit-code.js';
import { errorText } from '../words/failures.js';

/** Stands in place of the numbers of a queue. */
export function unreadableCell({ error }: UnreadableQueue): Cell {
  const reply: unknown = Reflect.get(error, 'reply');
  const reason = typeof reply === 'string' ? reply : error.code;
  return { text: `cannot be looked at: ${reason}`, tone: 'bad' };
}

/** Such queues, as JSON shows them. */
export function toldUnreadable(
  unreadable: readonly UnreadableQueue[],
  { settings }: Call,
): readonly { readonly queue: string; readonly error: string }[] {
  return unreadable.map(({ queue, error }) => ({
    queue,
    error: withoutSecrets(errorText(error), settings.secrets),
  }));
}

/** Prints the reasons, and returns the exit code. */
export function endWith(unreadable: readonly UnreadableQueue[], call: Call): ExitCode {
  for (const { error } of toldUnreadable(unreadable, call)) call.output.warn(error);
  return unreadable.length === 0 ? EXIT.done : EXIT.refused;
}
