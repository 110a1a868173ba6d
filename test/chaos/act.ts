import { setTimeout as pause } from 'node:timers/promises';
import { DeadLetter, RetryLater } from 'nestjs-redis-queue-transport';
import type { RedisQueueContext } from 'nestjs-redis-queue-transport';
import type { JournalWriter, Note } from '../support/journal.js';
import { isWhole } from './filler.js';
import type { Behaviour, Work } from './settings.js';

/** Does what a message says, and notes its start and its end. */
export async function act(
  { id, behaviour, ...body }: Work,
  context: RedisQueueContext,
  journal: JournalWriter,
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
  await behave(behaviour, attempt);
  write({ event: 'end' });
}

async function behave(behaviour: Behaviour, attempt: number): Promise<void> {
  switch (behaviour) {
    case 'finish':
      return;
    case 'takeTime':
      return pause(50);
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
