import type { JournalEntry } from '../support/journal.js';
import { idOf } from '../support/element.js';
import { accountOf, sendResults } from '../support/ledger.js';
import { Violations } from '../support/violations.js';
import type { Violation } from '../support/violations.js';
import type { Book } from './books.js';
import { handedOutAgain, type Cause } from './hand-outs.js';
import type { Behaviour } from './settings.js';

export interface BookVerdict {
  readonly name: string;
  /** For the report, in its words. */
  readonly counts: Readonly<Record<string, number>>;
  /** Everything that must not be. */
  readonly violations: readonly Violation[];
}

/** How wrong the time of Redis may be that a process goes by: by as long as an answer takes, or a turn of its loop. */
const CLOCK_ERROR_MS = 250;

/** What else than a crash may make a dead letter of a message. */
const FAILS_WITH: Readonly<Record<Behaviour, string | undefined>> = {
  finish: undefined,
  takeTime: undefined,
  failOnce: undefined,
  retryLater: undefined,
  failAlways: 'handlerFailed',
  reject: 'rejected',
};

/** Judges what became of the messages of one queue. */
export function judgeBook(book: Book): BookVerdict {
  const { name, entries, dump, garbage } = book;
  const violations = new Violations();
  const account = accountOf(entries, dump, garbage);
  const again = handedOutAgain(book);
  for (const { what, ids } of account.violations) violations.say(what, ids);
  violations.sayOf('still waiting', [...dump.waiting, ...dump.suspects].map(idOf));
  violations.sayOf('still delayed', dump.delayed.map(idOf));
  if (dump.deadLettersDropped > 0)
    violations.say(`${dump.deadLettersDropped} dead letters were dropped`, []);
  // This run's consumers note each of them, so that none can hide a loss.
  if (dump.expired !== account.expired.length)
    violations.say(`${dump.expired} counted as expired, ${account.expired.length} noted`, []);
  violations.sayOf(
    'handed out twice as the same attempt',
    again.filter(isOfTheSameAttempt).map(({ first }) => first.id),
  );
  violations.sayOf(
    'handed out again without a cause',
    again
      .filter((one) => one.cause === 'none' && !isOfTheSameAttempt(one))
      .map(({ first }) => first.id),
  );
  violations.sayOf('dead without a reason', deadWithoutReason(book));
  for (const { what, ids } of untimely(entries)) violations.say(what, ids);
  violations.sayOf(
    'handed out with other data than was sent',
    entries.filter(({ event }) => event === 'garbled').map(({ id }) => id),
  );
  const results = [...sendResults(entries).values()];
  const duplicates = (cause: Cause): number =>
    again.filter((one) => one.isDuplicate && one.cause === cause).length;
  return {
    name,
    counts: {
      sent: results.length,
      confirmed: results.filter((result) => result === 'confirmed').length,
      rejected: results.filter((result) => result === 'rejected').length,
      unknown: results.filter((result) => result === 'unknown').length,
      handled: account.handled,
      dead: account.dead.length,
      expired: account.expired.length,
      'bodies parked': dump.parkedEver,
      'bodies still parked': dump.parked.length,
      'ran again: process ended': duplicates('processEnded'),
      'ran again: lease lost': duplicates('leaseLost'),
      'ran again: released': duplicates('released'),
      'ran again: no cause': duplicates('none'),
      lost: account.violations.find(({ what }) => what === 'lost')?.ids.length ?? 0,
    },
    violations: violations.all,
  };
}

function isOfTheSameAttempt(one: ReturnType<typeof handedOutAgain>[number]): boolean {
  return one.cause === 'none' && one.first.attempt === one.again.attempt;
}

function deadWithoutReason({ entries, dump }: Book): string[] {
  const behaviours = new Map(
    entries.filter(({ event }) => event === 'sent').map(({ id, reason }) => [id, reason]),
  );
  return dump.dead
    .filter((letter) => {
      const behaviour = behaviours.get(idOf(letter));
      if (behaviour === undefined) return false; // garbage
      const reason = /"dead":\{"reason":"(\w+)"/.exec(letter.toString('latin1'))?.[1];
      return reason !== 'crashed' && reason !== FAILS_WITH[behaviour as Behaviour]; // written by the producer
    })
    .map(idOf);
}

/** What was started before it was due, or given up before its time was over. */
function untimely(entries: readonly JournalEntry[]): readonly Violation[] {
  const violations = new Violations();
  const terms = new Map(
    entries
      .filter(({ delayMs, expiresInMs }) => delayMs !== undefined || expiresInMs !== undefined)
      .map((entry) => [entry.id, entry]),
  );
  for (const { event, id, attempt, atMs } of entries) {
    const sent = terms.get(id);
    if (event === 'expired' && sent?.expiresInMs === undefined)
      violations.say('expired, and had no end', [id]);
    if (sent === undefined) continue;
    const { delayMs = 0, expiresInMs = 0 } = sent;
    const lastedMs = atMs - sent.atMs + CLOCK_ERROR_MS;
    if (event === 'start' && attempt === 1 && lastedMs < delayMs)
      violations.say('started before it was due', [id]);
    if (event === 'expired' && lastedMs < expiresInMs)
      violations.say('expired before its time', [id]);
  }
  return violations.all;
}
