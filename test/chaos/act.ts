import { setTimeout as pause } from 'node:timers/promises';
import { DeadLetter, RetryLater } from 'nestjs-redis-queue-transport';
import type { RedisQueueContext } from 'nestjs-redis-queue-transport';
import type { JournalWriter, Note } from '../support/journal.js';
import { isWhole } from './filler.js';
import { PARTNER, type Behaviour, type Work } from './settings.js';
import type { Switches } from './switches.js';

/** The share of attempts that fail while the handlers' database is away. */
const FAILING = 0.95;
/** More than one, so a message also hangs as a suspect. */
const HANGING_ATTEMPTS = 2;
const LOOKS_EVERY_MS = 50;

/** Writes an entry about one delivery. */
export type Write = (entry: Pick<Note, 'event' | 'reason'>) => void;

/** Does what a message says, and notes its start and its end. */
export async function act(
  work: Work,
  context: RedisQueueContext,
  journal: JournalWriter,
  switches: Switches,
): Promise<void> {
  const write = begin(work, context, journal);
  if (failsWithDatabase([work], context.getQueue(), switches)) throw databaseAway();
  await behave(work.behaviour, context.getAttempt(), switches);
  write({ event: 'end' });
}

/** Notes the start of a delivery, and its signal. @param batch the number of its batch in this process */
export function begin(
  work: Work,
  context: RedisQueueContext,
  journal: JournalWriter,
  batch?: number,
): Write {
  const note = { id: work.id, attempt: context.getAttempt(), queue: context.getQueue(), batch };
  const write: Write = (entry) => journal.write({ ...note, ...entry });
  write({ event: 'start' });
  if (!isWhole(work)) write({ event: 'garbled' });
  const signal = context.getSignal();
  signal.addEventListener('abort', () => {
    const { code } = signal.reason as { code: string }; // every reason is an error of the library
    write({ event: 'aborted', reason: code });
  });
  return write;
}

/** Whether a call with these messages fails because the handlers' database is away. */
export function failsWithDatabase(
  works: readonly Work[],
  queue: string,
  switches: Switches,
): boolean {
  return (
    works.every(({ behaviour }) => mayFail(behaviour, queue)) &&
    switches.isOn('databaseAway') &&
    Math.random() < FAILING
  );
}

export function databaseAway(): Error {
  return new Error('the database is away');
}

/** Messages of outsiders have no id that the log could name, so their retries could not be told from duplicates. */
function mayFail(behaviour: Behaviour, queue: string): boolean {
  return behaviour !== 'reject' && behaviour !== 'hold' && queue !== PARTNER;
}

async function released(switches: Switches): Promise<void> {
  while (!switches.isOn('letGo')) await pause(LOOKS_EVERY_MS);
}

/** Does what the behaviour says. Throws if the attempt is to fail. */
export async function behave(
  behaviour: Behaviour,
  attempt: number,
  switches: Switches,
): Promise<void> {
  switch (behaviour) {
    case 'hold':
      return released(switches);
    case 'finish':
      return;
    case 'takeTime':
      return pause(50);
    case 'dawdle':
      return pause(2_000);
    case 'hang':
      if (attempt <= HANGING_ATTEMPTS) await new Promise(() => undefined);
      return;
    case 'failOnce':
      if (attempt === 1) throw new Error('fails the first time');
      return;
    case 'failAlways':
      throw new Error('fails each time');
    case 'retryLater':
      if (attempt < 3) throw new RetryLater({ delayMs: 100 });
      return;
    case 'reject':
      throw new DeadLetter('useless');
  }
}
