import { messageOf } from '../../core/errors/message-of.js';
import type { DelayedMessage, QueuedMessage, RedisQueueAdmin } from '../../index.js';
import type { Journal } from '../journal/journal.js';
import type { OpenWork } from './open-work.js';

/** A failure is for people: so many of each kind. */
const PAGE = { limit: 20, withLarge: false } as const;

/** What is in a queue, and why it is still there. */
export async function openInQueue(
  admin: RedisQueueAdmin,
  journal: Journal,
  queue: string,
  isPaused: boolean,
): Promise<readonly OpenWork[]> {
  const work =
    (state: OpenWork['state'], why: string) =>
    (message: QueuedMessage): OpenWork =>
      ofMessage(state, queue, message, why);
  const held = await admin.held(queue, PAGE);
  const suspects = await admin.suspects(queue, PAGE);
  const waiting = await admin.peek(queue, PAGE);
  const delayed = await admin.delayed(queue, PAGE);
  return [
    ...held.map(work('held', 'its handler has not begun, or its result is being settled')),
    ...suspects.map(work('suspect', 'its process died while it ran; it runs apart')),
    ...waiting.map(
      work('waiting', isPaused ? 'the queue is paused' : 'no consumer has taken it yet'),
    ),
    ...delayed.map((message) =>
      ofMessage('delayed', queue, message, whyDelayed(journal, queue, message)),
    ),
  ];
}

function ofMessage(
  state: OpenWork['state'],
  queue: string,
  { id, pattern = queue, attempt }: QueuedMessage,
  why: string,
): OpenWork {
  return { state, pattern, queue, id, attempt, forMs: undefined, why };
}

function whyDelayed(journal: Journal, queue: string, { id, dueAt }: DelayedMessage): string {
  const due = `until ${dueAt.toISOString()}; kit.advance() makes it due now`;
  const retry = journal.retries.findLast(
    ({ handling: { delivery } }) => delivery.queue === queue && delivery.id === id,
  );
  if (retry === undefined) return due;
  const { error } = retry.told;
  return `${due}; ${error === undefined ? 'its handler asked for it' : `it failed: ${messageOf(error)}`}`;
}
