import { printable } from '../../core/message/printable.js';
import type { OpenWork } from './open-work.js';
import { TestKitError } from '../errors/test-kit-error.js';

/** Not everything was settled in time. The message is a table of what is left. */
export class NotSettledError extends TestKitError {
  override readonly name = 'NotSettledError';

  /** @internal The kit makes it. */
  constructor(
    readonly withinMs: number,
    /** What still runs or waits, and why. */
    readonly open: readonly OpenWork[],
    story: string,
  ) {
    super([`Not settled within ${withinMs} ms:`, ...tableOf(open), story].join('\n'));
  }
}

function tableOf(open: readonly OpenWork[]): readonly string[] {
  if (open.length === 0) return ['  (it has settled since)'];
  const rows = open.map(({ state, queue, id, attempt, forMs, why }) => {
    const time = forMs === undefined ? '' : ` for ${forMs.toFixed(0)} ms`;
    return [state, printable(queue), id ?? '(no id)', `attempt ${attempt}${time}`, printable(why)];
  });
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) => {
    const cells = row.map((cell, column) => cell.padEnd(widths[column] ?? 0));
    return `  ${cells.join('  ')}`.trimEnd();
  });
}
