import { setTimeout as pause } from 'node:timers/promises';

const pauseMs = 20;

/**
 * Asks again and again until the answer is not `undefined`, and returns that. Returns `undefined` after `deadlineMs`.
 */
export async function until<Answer>(
  deadlineMs: number,
  ask: () => Promise<Answer | undefined> | Answer | undefined,
): Promise<Answer | undefined> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined || performance.now() >= deadline) return answer;
    await pause(pauseMs);
  }
}
