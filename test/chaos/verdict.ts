import { readDeadLetterId } from './dead-letter-id.js';
import type { LedgerLine } from './ledger-file.js';
import type { QueueDump } from '../support/queue-dump.js';
import { heldIn } from '../support/queue-dump.js';

export interface Verdict {
  readonly sent: number;
  readonly confirmed: number;
  readonly refused: number;
  readonly unknown: number;
  readonly handled: number;
  /** Handlers that ended once more for a message that was reclaimed after a crash or a lost lease. */
  readonly duplicatesReclaimed: number;
  /** Likewise for one that was released at a stop, or that a frozen consumer received after its lease was over. */
  readonly duplicatesReleased: number;
  /** Two first attempts of a message that was sent again after an unknown outcome: Redis held it twice. */
  readonly doubled: number;
  readonly dead: number;
  readonly expired: number;
  readonly requests: number;
  readonly requestsAnswered: number;
  readonly events: number;
  /** Confirmed, and nowhere to be found. */
  readonly lost: readonly string[];
  /** Everything that must not be, in words. */
  readonly faults: readonly string[];
}

/** Judges a run that has come to rest: what was sent and how it ended, against what Redis holds. */
export function judge(
  lines: readonly LedgerLine[],
  dump: QueueDump,
  garbage: number,
  hung: readonly string[],
): Verdict {
  const ids = (event: LedgerLine['event']): Set<string> =>
    new Set(lines.filter((line) => line.event === event).map((line) => line.id));
  const sent = ids('sent');
  const confirmed = ids('held');
  const refused = ids('refused');
  const handled = ids('end');
  const mayExpire = new Set(
    lines
      .filter(({ event, detail }) => event === 'sent' && detail === 'expires')
      .map(({ id }) => id),
  );
  const deadIds = dump.dead.map(readDeadLetterId);
  const dead = new Set(deadIds.filter((id) => id !== undefined));
  const isAccounted = (id: string): boolean => handled.has(id) || dead.has(id);
  const gone = [...confirmed].filter((id) => !isAccounted(id));
  const lost = gone.filter((id) => !mayExpire.has(id));
  // Handled ones too: a handler may have ended just before its process died, and the time been over at the next start.
  const possiblyExpired = [...sent].filter(
    (id) => mayExpire.has(id) && !dead.has(id) && !refused.has(id),
  );
  const firstStarts = countIds(
    lines.filter(({ event, detail }) => event === 'start' && detail === '1').map(({ id }) => id),
  );
  const ends = countIds(lines.filter(({ event }) => event === 'end').map(({ id }) => id));
  const endedAgain = sumOf([...ends.values()].map((count) => count - 1));
  const startedAnew = sumOf(
    [...firstStarts].filter(([id]) => ends.has(id)).map(([, count]) => count - 1),
  );
  // Only what was sent more than once can be held twice. Any other message starts twice as a first attempt when a
  // frozen consumer received it after its lease was over, or when a handler ran past the deadline of a stop.
  const sentAgain = ids('unknown');
  const doubled = [...firstStarts]
    .filter(([id, count]) => count > 1 && sentAgain.has(id))
    .map(([id]) => id);
  const strangers = lines.filter(({ event, id }) => event === 'start' && !sent.has(id));
  const deadCounts = countIds(deadIds.filter((id) => id !== undefined));
  const deadTwice = [...sent].filter((id) => (deadCounts.get(id) ?? 0) > 1);
  const deadGarbage = deadIds.filter((id) => id === undefined || !sent.has(id)).length;

  const faults: string[] = [];
  const complain = (isWrong: boolean, text: string): void => void (isWrong && faults.push(text));
  complain(lost.length > 0, `lost: ${some(lost)}`);
  complain(
    gone.length - lost.length > dump.expired,
    `${gone.length - lost.length} vanished, but only ${dump.expired} expired`,
  );
  complain(
    dump.expired > possiblyExpired.length,
    `${dump.expired} expired, but only ${possiblyExpired.length} could`,
  );
  complain(dump.deadLettersDropped > 0, `${dump.deadLettersDropped} dead letters were dropped`);
  complain(dump.waiting.length > 0, `${dump.waiting.length} still wait`);
  complain(dump.delayed.length > 0, `${dump.delayed.length} are still delayed`);
  complain(heldIn(dump) > 0, `${heldIn(dump)} are still held`);
  complain(deadTwice.length > 0, `dead more than once: ${some(deadTwice)}`);
  complain(
    deadGarbage !== garbage,
    `${garbage} elements of garbage were pushed, ${deadGarbage} are dead letters`,
  );
  complain(
    strangers.length > 0,
    `handlers ran for what was never sent: ${some(strangers.map(({ id }) => id))}`,
  );
  complain(doubled.length > 0, `held twice: ${some(doubled)}`);
  complain(hung.length > 0, `calls that never ended: ${some(hung)}`);
  complain(
    lines.some(({ event, detail }) => event === 'failed' && detail === 'wrong'),
    'a request got the answer of another',
  );
  return {
    sent: sent.size,
    confirmed: confirmed.size,
    refused: refused.size,
    unknown: [...ids('unknown')].filter((id) => !confirmed.has(id)).length,
    handled: handled.size,
    duplicatesReclaimed: Math.max(0, endedAgain - startedAnew),
    duplicatesReleased: Math.min(endedAgain, startedAnew),
    doubled: doubled.length,
    dead: dead.size,
    expired: dump.expired,
    requests: ids('asked').size,
    requestsAnswered: ids('answered').size,
    events: ids('emitted').size,
    lost,
    faults,
  };
}

function countIds(ids: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

function some(ids: readonly string[]): string {
  const shown = ids.slice(0, 10).join(', ');
  return ids.length > 10 ? `${shown} and ${ids.length - 10} more` : shown;
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
