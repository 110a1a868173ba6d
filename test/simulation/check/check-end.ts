import type { MessageRecord, Start } from './ledger.js';
import { placesIn } from './places.js';
import type { CheckedRun } from './checked-run.js';

/** What must be true of each message once everything is at rest and all processes were replaced. */
export function checkEnd(run: CheckedRun): void {
  const dead = new Set<string>();
  for (const queue of run.queues)
    for (const [id, places] of placesIn(queue)) {
      if (places.some((place) => place === 'dead')) dead.add(id);
      const others = places.filter((place) => place !== 'dead');
      if (others.length > 0)
        run.ledger.violate('everything ends', `${id} is still ${others.join(', ')}`);
    }
  for (const record of run.ledger.messages.values()) {
    checkNotLost(run, record, dead.has(record.plan.id));
    checkDuplicates(run, record);
    checkCounts(run, record, dead.has(record.plan.id));
  }
  if (run.scenario.isCalm) checkOrder(run);
}

function checkNotLost(
  run: CheckedRun,
  { plan, sent, starts, skipped }: MessageRecord,
  isDead: boolean,
): void {
  const { ledger } = run;
  if ((sent === 'refused' || sent === 'full') && (starts.length > 0 || isDead))
    ledger.violate('nothing from nowhere', `${plan.id} was refused, but handled`);
  if (sent !== 'added' || isDead || skipped !== undefined) return;
  const isHandled = starts.some(({ end }) => end === 'ok');
  // It may have expired where the consumer never heard that this was counted.
  if (!isHandled && plan.expiresInMs === undefined)
    ledger.violate('nothing is lost', `${plan.id} was held, and never handled nor dead-lettered`);
}

/** Each start but the first has a cause. */
function checkDuplicates(run: CheckedRun, record: MessageRecord): void {
  const { plan, starts, redrivenAtMs, settledLateAtMs = Infinity } = record;
  starts.forEach((start, index) => {
    const before = starts[index - 1];
    if (before === undefined || start.isUndone || causeOf(before) !== undefined) return;
    const isRedriven = redrivenAtMs.some((atMs) => atMs >= before.atMs && atMs <= start.atMs);
    if (isRedriven || settledLateAtMs <= start.atMs || wasFenced(run, before, start)) return;
    run.ledger.violate(
      'no duplicate without a cause',
      `${plan.id} began at ${Math.round(start.atMs)} in ${start.process}, after it had begun at ` +
        `${Math.round(before.atMs)} in ${before.process} and ended: ${before.end ?? 'not yet'}`,
    );
  });
}

function causeOf(start: Start): string | undefined {
  const { gone, settledAs } = start;
  if (gone !== undefined) return gone;
  if (settledAs !== undefined) return settledAs === 'ack' ? undefined : settledAs;
  return start.end === 'ok' || start.end === undefined ? undefined : start.end;
}

function wasFenced(run: CheckedRun, before: Start, start: Start): boolean {
  const fencedAt = run.firstFencedAtMs(before.consumer);
  return fencedAt !== undefined && fencedAt <= start.atMs;
}

/** Attempts and crashes are no more than what happened. */
function checkCounts(run: CheckedRun, record: MessageRecord, isDead: boolean): void {
  const { plan, starts, startsBefore, redrivenAtMs } = record;
  const queue = run.scenario.queues.find(({ name }) => name === plan.queue);
  if (queue === undefined || redrivenAtMs.length > 0) return;
  let before = 0;
  for (const [index, { attempt, crashes, process, isUndone }] of starts.entries()) {
    // A failover may have undone some.
    if (startsBefore.includes(index)) before = 0;
    if (isUndone) continue;
    if (attempt < before)
      run.ledger.violate('counts', `${plan.id} has attempt ${attempt} after ${before}`);
    if (crashes >= queue.maxCrashes)
      run.ledger.violate('counts', `${plan.id} began in ${process} after ${crashes} crashes`);
    before = attempt;
  }
  const failures = starts.filter(({ end }) => end === 'failed' || end === 'timedOut').length;
  const isRejected = starts.some(({ end }) => end === 'rejected');
  // What a consumer had taken and not begun counts as crashed too.
  const isCrashed = starts.some(({ gone }) => gone !== undefined) || run.hasFenced;
  if (isDead && !isRejected && failures === 0 && !isCrashed)
    run.ledger.violate('counts', `${plan.id} is dead without a cause`);
}

/** With one place, and nothing that goes wrong: first in, first out, within each priority. */
function checkOrder(run: CheckedRun): void {
  const all = [...run.ledger.messages.values()];
  for (const level of new Set(all.map(({ plan }) => plan.priority)))
    checkOrderOf(
      run,
      all.filter(({ plan }) => plan.priority === level),
    );
}

function checkOrderOf(run: CheckedRun, all: readonly MessageRecord[]): void {
  const inOrder = (
    records: readonly MessageRecord[],
    timeOf: (record: MessageRecord) => number,
    what: string,
  ): void => {
    const started = records
      .filter(({ starts }) => starts.length > 0)
      .sort((one, other) => (one.starts[0]?.order ?? 0) - (other.starts[0]?.order ?? 0));
    started.forEach((record, index) => {
      const next = started[index + 1];
      // Two that came within a trip of the network may change places on the way.
      if (next !== undefined && timeOf(record) > timeOf(next) + ORDER_SLACK_MS)
        run.ledger.violate('order', `${record.plan.id} began before ${next.plan.id}, ${what}`);
    });
  };
  const isDelayed = ({ plan }: MessageRecord): boolean => plan.delayMs !== undefined;
  const sentAt = ({ plan }: MessageRecord): number => plan.sentAtMs;
  const dueAt = ({ plan }: MessageRecord): number => plan.sentAtMs + (plan.delayMs ?? 0);
  inOrder(
    all.filter((record) => !isDelayed(record)),
    sentAt,
    'which was sent earlier',
  );
  // What goes back when the queue is paused goes to the head, in front of what is due by then.
  if (run.scenario.acts.some(({ act }) => act === 'pause')) return;
  inOrder(all.filter(isDelayed), dueAt, 'which was due earlier');
}

const ORDER_SLACK_MS = 20;
