import { setTimeout as pause } from 'node:timers/promises';
import { DeadLetter, RetryLater } from 'nestjs-redis-queue-transport';
import type { RedisQueueContext } from 'nestjs-redis-queue-transport';
import type { JournalWriter, Note } from '../support/journal.js';
import { isWhole } from './filler.js';
import { PARTNER, type Behaviour, type Work } from './settings.js';
import type { Switches } from './switches.js';

/** Of the attempts while what the handlers need is away. */
const FAILING = 0.95;
/** A suspect that hangs is among them. */
const HANGING_ATTEMPTS = 2;
const LOOKS_EVERY_MS = 50;

/** Does what a message says, and notes its start and its end. */
export async function act(
  { id, behaviour, ...body }: Work,
  context: RedisQueueContext,
  journal: JournalWriter,
  switches: Switches,
): Promise<void> {
  const attempt = context.getAttempt();
  const note = { id, attempt, queue: context.getQueue() };
  const write = (entry: Pick<Note, 'event' | 'reason'>): void =>
    journal.write({ ...note, ...entry });
  write({ event: 'start' });
  if (!isWhole({ id, behaviour, ...body })) write({ event: 'garbled' });
  const signal = context.getSignal();
  signal.addEventListener('abort', () => {
    const { code } = signal.reason as { code: string }; // every reason is an error of the library
    write({ event: 'aborted', reason: code });
  });
  if (
    mayFail(behaviour, context.getQueue()) &&
    switches.isOn('databaseAway') &&
    Math.random() < FAILING
  )
    throw new Error('the database is away');
  if (behaviour === 'hold') await released(switches);
  else await behave(behaviour, attempt);
  write({ event: 'end' });
}

/** What outsiders push has no id that the log could name, so that nobody could tell why it ran again. */
function mayFail(behaviour: Behaviour, queue: string): boolean {
  return behaviour !== 'reject' && behaviour !== 'hold' && queue !== PARTNER;
}

async function released(switches: Switches): Promise<void> {
  while (!switches.isOn('letGo')) await pause(LOOKS_EVERY_MS);
}

async function behave(behaviour: Exclude<Behaviour, 'hold'>, attempt: number): Promise<void> {
  switch (behaviour) {
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
      throw new DeadLetter('of no use');
  }
}
