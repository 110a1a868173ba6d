import type { JournalEntry } from '../support/journal.js';
import { idsOf } from '../support/ledger.js';
import { Violations } from '../support/violations.js';
import type { Violation } from '../support/violations.js';
import { judgeBatches } from './batches-verdict.js';
import { judgeBook, type BookVerdict } from './book-verdict.js';
import { booksOf } from './books.js';
import { judgeEvents } from './events-verdict.js';
import type { RunRecord } from './run-record.js';
import { limitOf } from './limit-verdict.js';
import { RUNNING, WRONG_ANSWER } from './settings.js';

export interface Verdict {
  /** One for each book. */
  readonly books: readonly BookVerdict[];
  /** Of everything else, for the report, by the names that it shows. */
  readonly counts: Readonly<Record<string, number>>;
  /** Everything that is wrong. */
  readonly violations: readonly Violation[];
}

/** Judges a run that has come to rest: compares what was sent and how it ended with what Redis holds. */
export function judge(record: RunRecord): Verdict {
  const { entries, hung, deaf, history, taken, touched, littered, miscounted } = record;
  const violations = new Violations();
  const books = booksOf(record);
  const verdicts = books.map(judgeBook);
  verdicts.forEach((verdict, index) => {
    const group = books[index]?.group;
    const where = group === undefined ? '' : ` (group ${group})`;
    for (const { what, ids } of verdict.violations) violations.say(`${what}${where}`, ids);
  });
  for (const { what, ids } of judgeEvents(record, books)) violations.say(what, ids);
  const limited = limitOf(record);
  violations.sayOf(`ran beside ${RUNNING} others of a limited queue`, limited.exceeding);
  const batches = judgeBatches(entries);
  for (const { what, ids } of batches.violations) violations.say(what, ids);
  violations.sayOf('heard twice by one process', heardTwice(entries));
  violations.sayOf('calls that never ended', hung);
  violations.sayOf('did not hear the last event', deaf);
  violations.sayOf('places that were not free at the end', taken);
  violations.sayOf('keys of others that were touched', touched);
  violations.sayOf('counts of keys that were not those of the lists', miscounted);
  violations.sayOf('bodies remained when no message was left', littered);
  violations.sayOf(
    'got the answer to another request',
    entries.filter(({ reason }) => reason === WRONG_ANSWER).map(({ id }) => id),
  );
  return {
    books: verdicts,
    counts: {
      ...batches.counts,
      'limited: most at once': limited.most,
      'send: requests': idsOf(entries, 'asked').length,
      'send: answered': idsOf(entries, 'answered').length,
      'emit: kept in the history': history.length,
      'emit: heard live, none missed': idsOf(entries, 'told').length,
      'emit, live only': idsOf(entries, 'emitted').length,
      'emit, live only: heard': idsOf(entries, 'heard').length,
    },
    violations: violations.all,
  };
}

function heardTwice(entries: readonly JournalEntry[]): string[] {
  const heard = new Set<string>();
  const twice: string[] = [];
  for (const { event, id, pid } of entries) {
    if (event !== 'heard') continue;
    if (heard.has(`${id} ${pid}`)) twice.push(id);
    heard.add(`${id} ${pid}`);
  }
  return twice;
}
