import { journalEntry, type JournalEntry, type JournalEvent } from './journal.js';
import { attemptOf, idOf } from './element.js';
import { parkingOf } from './parking.js';
import { waitingIn } from './queue-dump.js';
import type { QueueDump } from './queue-dump.js';
import { Violations } from './violations.js';
import type { Violation } from './violations.js';

/** How the call that sent a message ended. */
export type SendResult = 'confirmed' | 'rejected' | 'unknown';

/** What a journal and a dump say together. */
export interface Account {
  /** Empty if the invariant holds. */
  readonly violations: readonly Violation[];
  readonly handled: number;
  readonly dead: readonly string[];
  /** Messages that a consumer noted as expired and not run, and that were not seen since. */
  readonly expired: readonly string[];
  /** How often handlers ran beyond once for each message. */
  readonly duplicates: number;
}

/** The test's own books of what was sent and what handlers did. The transport has no part in them. */
export class Ledger {
  readonly #sent: JournalEntry[] = [];
  /** The errors with which calls rejected. */
  readonly failures: unknown[] = [];

  /** @param entries returns what handlers have noted so far */
  constructor(private readonly entries: () => readonly JournalEntry[]) {}

  /** Sends, and notes how it ended. Never rejects. Only a message sent with `expiresInMs` may be missing as expired. */
  async send(
    id: string,
    call: () => Promise<unknown>,
    { expiresInMs }: Pick<JournalEntry, 'expiresInMs'> = {},
  ): Promise<SendResult> {
    this.#sent.push(journalEntry({ event: 'sent', id, expiresInMs }));
    const result = await resultOf(call(), (error) => this.failures.push(error));
    this.#sent.push(journalEntry({ event: result, id }));
    return result;
  }

  /** Notes a message that got into the queue without the library. */
  confirm(id: string): void {
    this.#sent.push(journalEntry({ event: 'confirmed', id }));
  }

  /** Notes that Redis itself has lost it. */
  lose(id: string): void {
    this.#sent.push(journalEntry({ event: 'unknown', id }));
  }

  sent(result: SendResult): string[] {
    return [...sendResults(this.#sent)].filter(([, how]) => how === result).map(([id]) => id);
  }

  /** The ids of all messages that started or ended, once for each time. */
  idsOf(event: JournalEvent): string[] {
    return idsOf(this.entries(), event);
  }

  /** Whether every message whose sending was confirmed was handled, is dead, or has expired and was counted. */
  isAllHome(dump: QueueDump): boolean {
    const home = new Set([...this.idsOf('end'), ...dump.dead.map(idOf)]);
    const missing = this.sent('confirmed').filter((id) => !home.has(id));
    return missing.length <= dump.expired && missing.every(isIn(idsThatMayExpire(this.#sent)));
  }

  account(dump: QueueDump): Account {
    return accountOf([...this.#sent, ...this.entries()], dump);
  }
}

/** How a call that sends a message ends. Never rejects. */
export async function resultOf(
  call: Promise<unknown>,
  onFailure: (error: unknown) => void = () => undefined,
): Promise<SendResult> {
  try {
    await call;
    return 'confirmed';
  } catch (error) {
    onFailure(error);
    return resultOfError(error);
  }
}

/** How the sending of each message has ended so far: `unknown` until there is an answer. */
export function resultOfError(error: unknown): SendResult {
  // Redis holds what too few replicas have, and may lose it.
  const isUnknown = ['OUTCOME_UNKNOWN', 'NOT_REPLICATED'].includes(String(codeOf(error)));
  return isUnknown ? 'unknown' : 'rejected';
}

/** How the sending of each message has ended so far: `unknown` until there is an answer. */
export function sendResults(entries: readonly JournalEntry[]): Map<string, SendResult> {
  const results = new Map<string, SendResult>();
  for (const { event, id } of entries) {
    if (event === 'sent') results.set(id, 'unknown');
    else if (event === 'confirmed' || event === 'rejected' || event === 'unknown')
      results.set(id, event);
  }
  return results;
}

function idsThatMayExpire(entries: readonly JournalEntry[]): Set<string> {
  const sent = entries.filter(({ expiresInMs }) => expiresInMs !== undefined);
  return new Set(sent.map(({ id }) => id));
}

function isIn(ids: ReadonlySet<string>): (id: string) => boolean {
  return (id) => ids.has(id);
}

export function idsOf(entries: readonly JournalEntry[], event: JournalEvent): string[] {
  return entries.filter((entry) => entry.event === event).map(({ id }) => id);
}

/**
 * The books at rest. Every message that was confirmed, or that a consumer saw, is in one place of {handled, dead,
 * expired, waiting, delayed}; nothing is processing; and no handler started for a message that was not sent.
 *
 * A message is where its latest attempt is. The end of a handler says nothing if its process died before Redis knew,
 * and the message was handed out again.
 *
 * @param garbage how many elements that are not messages were put in, and have to be dead letters now
 */
export function accountOf(entries: readonly JournalEntry[], dump: QueueDump, garbage = 0): Account {
  const violations = new Violations();
  const results = sendResults(entries);
  const elements = elementsOf(dump);
  const latest = latestHandOuts(entries);
  const lost: string[] = [];
  const expired: string[] = [];
  let handled = 0;
  /** Not confirmed, and nowhere: they may have expired too. */
  let absent = 0;
  for (const [id, result] of results) {
    const handOut = latest.get(id);
    const places = placesOf(elements.get(id) ?? [], handOut);
    if (places.length > 1) violations.say(`in several places: ${places.join(', ')}`, [id]);
    if (places.length > 0 && result === 'rejected') violations.say('rejected, but there', [id]);
    if (places.length === 0 && (result === 'confirmed' || handOut !== undefined)) lost.push(id);
    else if (places.length === 0) absent += 1;
    if (places.includes('handled')) handled += 1;
    if (places.includes('expired')) expired.push(id);
  }
  // A consumer that does not note expired messages leaves as many unaccounted for as Redis has counted.
  const unnoted = dump.expired - expired.length;
  const missing = lost.filter(isIn(idsThatMayExpire(entries)));
  if (missing.length > unnoted || missing.length < lost.length) violations.sayOf('lost', lost);
  if (unnoted < 0 || unnoted > lost.length + absent)
    violations.say(`${dump.expired} counted as expired, ${expired.length} expired`, expired);
  for (const [consumer, held] of dump.processing)
    violations.sayOf(`still held by ${consumer}`, held.map(idOf));
  for (const { what, ids } of parkingOf(dump)) violations.say(what, ids);
  const dead = dump.dead.map(idOf);
  const parkedGarbage = new Set(dead.filter((id) => !results.has(id)));
  const seen = [...latest.keys(), ...elements.keys()];
  const strangers = seen.filter((id) => !results.has(id) && !parkedGarbage.has(id));
  violations.sayOf('never sent', [...new Set(strangers)]);
  const parked = dead.filter((id) => parkedGarbage.has(id));
  if (parked.length !== garbage)
    violations.say(`${garbage} pushed as garbage, ${parked.length} of them dead`, parked);
  const starts = idsOf(entries, 'start');
  const duplicates = starts.length - new Set(starts).size;
  return { violations: violations.all, handled, dead, expired, duplicates };
}

/** An element in Redis, with its place. */
interface Placed {
  readonly place: string;
  readonly attempt: number;
}

function elementsOf(dump: QueueDump): Map<string, Placed[]> {
  const elements = new Map<string, Placed[]>();
  const put = (place: string, found: readonly Buffer[]): void => {
    for (const element of found) {
      const id = idOf(element);
      elements.set(id, [...(elements.get(id) ?? []), { place, attempt: attemptOf(element) }]);
    }
  };
  put('waiting', waitingIn(dump));
  put('in its lane', [...dump.lanes.values()].flat());
  put('waiting for its key', dump.unkeyed);
  put('suspects', dump.suspects);
  put('delayed', dump.delayed);
  put('dead', dump.dead);
  for (const held of dump.processing.values()) put('processing', held);
  return elements;
}

/** A delivery about which a consumer decided: it was started, or found to be expired. */
interface HandOut {
  readonly entry: JournalEntry;
  hasEnded: boolean;
}

function latestHandOuts(entries: readonly JournalEntry[]): Map<string, HandOut> {
  const latest = new Map<string, HandOut>();
  for (const entry of entries) {
    const known = latest.get(entry.id);
    if (entry.event === 'start' || entry.event === 'expired') {
      if (known === undefined || isLater(entry, known.entry))
        latest.set(entry.id, { entry, hasEnded: false });
    } else if (entry.event === 'end' && known !== undefined) {
      const { pid, attempt } = known.entry;
      if (entry.pid === pid && entry.attempt === attempt) known.hasEnded = true;
    }
  }
  return latest;
}

/** By attempt first, since a process that stood still notes late what it began early. */
function isLater(one: JournalEntry, other: JournalEntry): boolean {
  return one.attempt > other.attempt || (one.attempt === other.attempt && one.atMs > other.atMs);
}

function placesOf(elements: readonly Placed[], handOut: HandOut | undefined): string[] {
  const places = elements.map(({ place }) => place);
  if (handOut === undefined) return places;
  const { event, attempt } = handOut.entry;
  if (elements.some((element) => element.attempt > attempt)) return places;
  if (event === 'expired') places.push('expired');
  else if (handOut.hasEnded) places.push('handled');
  return places;
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
