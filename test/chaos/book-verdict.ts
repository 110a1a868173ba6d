import type { JournalEntry } from '../support/journal.js';
import { idOf } from '../support/element.js';
import { accountOf, sendResults } from '../support/ledger.js';
import { BODY_GONE } from '../support/parking.js';
import { Violations } from '../support/violations.js';
import type { Violation } from '../support/violations.js';
import { waitingIn } from '../support/queue-dump.js';
import type { Book } from './books.js';
import { outOfOrder } from './key-order.js';
import { handedOutAgain, type Cause } from './hand-outs.js';
import type { ClockStep } from './run-record.js';
import type { Fate } from './settings.js';

export interface BookVerdict {
  readonly name: string;
  /** For the report, by the names that it shows. */
  readonly counts: Readonly<Record<string, number>>;
  /** Everything that is wrong. */
  readonly violations: readonly Violation[];
}

/** How far a process's idea of Redis's time may be off: as long as an answer or a turn of its event loop takes. */
const CLOCK_ERROR_MS = 250;

/** How long it takes at most until every process follows a clock of Redis that was set. */
const HEARS_OF_STEPS_MS = 5_000;

/** The reason, besides a crash, for which a message may be dead-lettered. */
const FAILS_WITH: Readonly<Record<Fate, string | undefined>> = {
  finish: undefined,
  takeTime: undefined,
  dawdle: undefined,
  hang: undefined,
  hold: undefined,
  failOnce: undefined,
  retryLater: undefined,
  failAlways: 'handlerFailed',
  reject: 'rejected',
  unreadable: 'undecodable',
  bodiless: 'undecodable',
  crashed: 'crashed',
};

/** Judges what became of the messages of one queue. */
export function judgeBook(book: Book): BookVerdict {
  const { name, entries, dump, garbage } = book;
  const violations = new Violations();
  const account = accountOf(entries, dump, garbage);
  const again = handedOutAgain(book);
  const fates = fatesOf(entries);
  for (const { what, ids } of account.violations) {
    if (what !== BODY_GONE) violations.say(what, ids);
    else
      violations.sayOf(
        what,
        ids.filter((id) => fates.get(id) !== 'bodiless'),
      );
  }
  violations.sayOf('still waiting', [...waitingIn(dump), ...dump.suspects].map(idOf));
  violations.sayOf('still delayed', dump.delayed.map(idOf));
  violations.sayOf('still in lanes', [...dump.lanes.values()].flat().map(idOf));
  violations.sayOf('keys that are counted as out', [...dump.out.keys()]);
  if (dump.inLanes !== 0) violations.say(`${dump.inLanes} counted in lanes`, []);
  violations.sayOf('began before an earlier one of its key was settled', outOfOrder(book));
  if (dump.deadLettersDropped > 0)
    violations.say(`${dump.deadLettersDropped} dead letters were dropped`, []);
  // This run's consumers note each expired message, so none can hide a loss.
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
  violations.sayOf('dead without a reason', deadWithoutReason(book, fates));
  violations.sayOf(
    'handled, but had to be dead',
    entries
      .filter(({ event, id }) => event === 'end' && mustBeDead(fates.get(id)))
      .map(({ id }) => id),
  );
  for (const { what, ids } of untimely(book)) violations.say(what, ids);
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

/** The fate of each message by its id, as its sender noted it. */
function fatesOf(entries: readonly JournalEntry[]): ReadonlyMap<string, Fate> {
  const sent = entries.filter(({ event }) => event === 'sent');
  return new Map(sent.map(({ id, reason }) => [id, reason as Fate])); // written by this run
}

function mustBeDead(fate: Fate | undefined): boolean {
  return fate !== undefined && FAILS_WITH[fate] !== undefined;
}

function deadWithoutReason({ dump }: Book, fates: ReadonlyMap<string, Fate>): string[] {
  return dump.dead
    .filter((letter) => {
      const fate = fates.get(idOf(letter));
      if (fate === undefined) return false; // garbage
      const reason = /"dead":\{"reason":"(\w+)"/.exec(letter.toString('latin1'))?.[1];
      return reason !== 'crashed' && reason !== FAILS_WITH[fate];
    })
    .map(idOf);
}

/** How much faster than it should have Redis's clock went at most, including steps that processes had not noticed yet. */
function steppedMs(steps: readonly ClockStep[], fromMs: number, untilMs: number): number {
  return steps
    .filter(({ atMs }) => atMs >= fromMs - HEARS_OF_STEPS_MS && atMs <= untilMs)
    .reduce((sum, { byMs }) => sum + Math.abs(byMs), 0);
}

/** Messages that were started before they were due, or expired before their time was over. */
function untimely({ entries, clockSteps }: Book): readonly Violation[] {
  const violations = new Violations();
  const terms = new Map(
    entries
      .filter(({ delayMs, expiresInMs }) => delayMs !== undefined || expiresInMs !== undefined)
      .map((entry) => [entry.id, entry]),
  );
  for (const { event, id, attempt, atMs } of entries) {
    const sent = terms.get(id);
    if (event === 'expired' && sent?.expiresInMs === undefined)
      violations.say('expired, but had no expiry', [id]);
    if (sent === undefined) continue;
    const { delayMs = 0, expiresInMs = 0 } = sent;
    const lastedMs = atMs - sent.atMs + CLOCK_ERROR_MS + steppedMs(clockSteps, sent.atMs, atMs);
    if (event === 'start' && attempt === 1 && lastedMs < delayMs)
      violations.say('started before it was due', [id]);
    if (event === 'expired' && lastedMs < expiresInMs)
      violations.say('expired before its time', [id]);
  }
  return violations.all;
}
