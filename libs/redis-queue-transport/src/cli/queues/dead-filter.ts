import type { DeadLetterEntry } from '../../index.js';
import type { Call, Options } from '../command/command.js';
import { UsageError } from '../words/usage-error.js';

export const FILTER_OPTIONS = {
  reason: {
    value: 'TEXT',
    about: 'only those with this reason, such as rejected or attemptsExhausted',
  },
  'older-than': { value: 'TIME', about: 'only those that died longer ago than this, such as 7d' },
} as const satisfies Options;

export const ALL = { about: 'all of them, or all that --reason and --older-than select' };

/** Which dead letters the options of the call select; undefined for all. */
export function filterOf({ given }: Call): ((letter: DeadLetterEntry) => boolean) | undefined {
  const reason = given.text('reason');
  const olderMs = given.duration('older-than');
  if (reason === undefined && olderMs === undefined) return undefined;
  const before = Date.now() - (olderMs ?? 0);
  return (letter) =>
    (reason === undefined || letter.reason === reason) &&
    (olderMs === undefined || letter.deadAt.getTime() < before);
}

/**
 * The entries that the call names, or undefined for `--all`.
 * @throws UsageError if it names neither or both
 */
export function entriesOf({ args, given }: Call, what: string): readonly string[] | undefined {
  const [, ...entries] = args;
  const isFiltered = given.text('reason') !== undefined || given.text('older-than') !== undefined;
  if (given.flag('all')) {
    if (entries.length === 0) return undefined;
    throw new UsageError(`Name single ones or give --all, not both.`);
  }
  if (isFiltered) throw new UsageError('--reason and --older-than go with --all.');
  if (entries.length > 0) return entries;
  throw new UsageError(`Say which: ${what}, or --all.`);
}
