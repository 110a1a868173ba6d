import type { JournalEntry } from '../support/journal.js';
import { accountOf, idOf, idsOf, sendResults, Violations } from '../support/ledger.js';
import type { Violation } from '../support/ledger.js';
import { handedOutAgain, type Cause } from './hand-outs.js';
import type { RunRecord } from './run-record.js';
import { WRONG_ANSWER, type Behaviour } from './settings.js';

export interface Verdict {
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

/** Judges a run that has come to rest: what was sent and how it ended, against what Redis holds. */
export function judge(record: RunRecord): Verdict {
  const { entries, dump, garbage, hung } = record;
  const violations = new Violations();
  const account = accountOf(entries, dump, garbage);
  const again = handedOutAgain(record);
  for (const { what, ids } of account.violations) violations.say(what, ids);

  violations.sayOf('still waiting', dump.waiting.map(idOf));
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
  violations.sayOf('dead without a reason', deadWithoutReason(record));
  for (const { what, ids } of untimely(entries)) violations.say(what, ids);
  violations.sayOf('heard twice by one process', heardTwice(entries));
  violations.sayOf('calls that never ended', hung);
  violations.sayOf(
    'answered with the answer of another',
    entries.filter(({ reason }) => reason === WRONG_ANSWER).map(({ id }) => id),
  );

  const results = [...sendResults(entries).values()];
  const duplicates = (cause: Cause): number =>
    again.filter((one) => one.isDuplicate && one.cause === cause).length;
  return {
    counts: {
      sent: results.length,
      confirmed: results.filter((result) => result === 'confirmed').length,
      rejected: results.filter((result) => result === 'rejected').length,
      unknown: results.filter((result) => result === 'unknown').length,
      handled: account.handled,
      dead: account.dead.length,
      expired: account.expired.length,
      'ran again: process ended': duplicates('processEnded'),
      'ran again: lease lost': duplicates('leaseLost'),
      'ran again: released': duplicates('released'),
      'ran again: no cause': duplicates('none'),
      requests: idsOf(entries, 'asked').length,
      'requests answered': idsOf(entries, 'answered').length,
      'events emitted': idsOf(entries, 'emitted').length,
      'events heard': idsOf(entries, 'heard').length,
      lost: account.violations.find(({ what }) => what === 'lost')?.ids.length ?? 0,
    },
    violations: violations.all,
  };
}

function isOfTheSameAttempt(one: ReturnType<typeof handedOutAgain>[number]): boolean {
  return one.cause === 'none' && one.first.attempt === one.again.attempt;
}

function deadWithoutReason({ entries, dump }: RunRecord): string[] {
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
