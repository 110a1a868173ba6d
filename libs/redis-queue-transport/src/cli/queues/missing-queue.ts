import type { Call } from '../command/command.js';

/**
 * Whether the queue does not exist, for a command that found nothing in it; if so, prints that. A queue exists if it
 * was ever sent to or served, or if something is left of it.
 */
export async function isMissing(
  { admin, output, settings }: Pick<Call, 'admin' | 'output' | 'settings'>,
  queue: string,
): Promise<boolean> {
  const opened = await admin();
  if ((await opened.queues()).includes(queue)) return false;
  const { isPaused, maxLength, slowedMs, ...lengths } = await opened.lengths(queue);
  if (isPaused || maxLength !== undefined || slowedMs > 0) return false;
  if (Object.values(lengths).some((count) => typeof count === 'number' && count > 0)) return false;
  output.error(
    `There is no queue "${queue}" below the prefix "${settings.prefix}".`,
    'See redis-queue queues.',
  );
  return true;
}
