import type { StoredQueue } from '../../../libs/redis-queue-transport/src/memory/store/stored-queue.js';
import { idOf } from '../../../libs/redis-queue-transport/src/core/message/envelope.js';
import type { CheckedRun } from './checked-run.js';
import { readFront } from '../../../libs/redis-queue-transport/src/core/message/header.js';
import type { MessageRecord, Start } from './ledger.js';
import { placesIn } from './places.js';

/** What is asked of the run beside its books. */
export interface FailingRun extends CheckedRun {
  readonly time: { readonly now: number };
}

/** A message as a consumer has taken it. */
type Taking = Pick<Start, 'consumer' | 'attempt' | 'crashes'>;

/** Which messages a replica can know of: those that were confirmed or begun when it got its last command. */
export function knownMessages({ ledger }: CheckedRun): ReadonlySet<MessageRecord> {
  const isKnown = ({ sent, starts }: MessageRecord): boolean =>
    sent === 'added' || starts.length > 0;
  return new Set([...ledger.messages.values()].filter(isKnown));
}

/**
 * What failovers have undone. What the new primary has must be handled as if nothing had happened, and what Redis has lost is
 * nobody's fault: a message that it never got, and the taking and settling of one that it has.
 */
export class Failovers {
  /** When the last one was. */
  #atMs = -Infinity;
  /** The messages that each consumer held then, as the new primary knows it. */
  #held: ReadonlyMap<string, ReadonlySet<string>> = new Map();

  constructor(private readonly run: FailingRun) {}

  /** The replica has become the primary: the queues are what it has. */
  tookOver(known: ReadonlySet<MessageRecord>): void {
    const { queues, ledger, time } = this.run;
    this.#atMs = time.now;
    const there = new Set(queues.flatMap((queue) => [...placesIn(queue).keys()]));
    this.#held = heldIn(this.run);
    for (const record of ledger.messages.values()) {
      const { id } = record.plan;
      record.startsBefore.push(record.starts.length);
      if (!there.has(id) && !known.has(record) && record.sent === 'added') record.sent = 'lost';
      for (const start of record.starts) {
        const isSettled = start.settledAs !== undefined;
        const isUndone = isSettled ? there.has(id) : !this.#isHeld(id, start);
        if (isUndone) start.gone ??= 'a failover undid it';
      }
    }
  }

  /** Whether the primary does not know that the consumer has taken the message, since that was before a failover. */
  hasUndone(id: string, taking: Taking, takenAtMs: number): boolean {
    return takenAtMs <= this.#atMs && !this.#isHeld(id, taking);
  }

  /**
   * A consumer gives back what the new primary says that it holds, and it does not know, before anything else. It must not
   * wait meanwhile: what a wait has taken looks the same.
   */
  checkList(
    queue: StoredQueue,
    consumer: string,
    askedAtMs: number,
    known: readonly Buffer[],
  ): void {
    if (askedAtMs <= this.#atMs) return;
    const then = this.#held.get(consumer);
    if (then === undefined) return;
    const names = new Set(known.map(nameIn));
    for (const element of queue.heldBy(consumer)) {
      const name = nameIn(element);
      if (!names.has(name) && then.has(name))
        this.run.ledger.violate('own list', `${consumer} holds ${name} without knowing that`);
    }
  }

  #isHeld(id: string, { attempt, consumer, crashes }: Taking): boolean {
    return this.#held.get(consumer)?.has(nameOf({ id, attempt, crashes })) === true;
  }
}

function heldIn({ queues }: CheckedRun): ReadonlyMap<string, ReadonlySet<string>> {
  const held = new Map<string, Set<string>>();
  for (const queue of queues)
    for (const [consumer, elements] of queue.processing)
      held.set(consumer, new Set(elements.map(nameIn)));
  return held;
}

function nameIn(element: Buffer): string {
  const { attempt = 1, crashes = 0 } = readFront(element) ?? {};
  return nameOf({ id: idOf(element), attempt, crashes });
}

/** What was taken back and handed out again is something else. */
function nameOf(
  of: Pick<Taking, 'attempt' | 'crashes'> & { readonly id: string | undefined },
): string {
  return `${of.id ?? '?'} ${of.attempt} ${of.crashes}`;
}
