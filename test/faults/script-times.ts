import { expect } from '@jest/globals';
import type { Redis } from 'ioredis';

const MOST_US = 10_000;

/** What a try counts: each command by its name. */
type Counted = (name: string) => boolean;

const isScript: Counted = (name) => /^eval/i.test(name);

/**
 * The longest script of what is done, in µs. Redis counts elapsed time, and on a busy machine it does not always run:
 * so the best of several tries shows how long it works.
 */
async function longestOf(
  commands: Redis,
  work: () => Promise<void>,
  isCounted: Counted,
): Promise<number> {
  await commands.config('SET', 'slowlog-log-slower-than', '1000');
  await commands.config('SET', 'slowlog-max-len', '10000');
  await commands.slowlog('RESET');
  await work();
  const entries = (await commands.slowlog('GET', '-1')) as [number, number, number, string[]][];
  const counted = entries.filter(([, , , [name = '']]) => isCounted(name));
  return Math.max(0, ...counted.map(([, , us]) => us));
}

/** Fails if a script keeps Redis busy for more than 10 ms, or than this. `npm test` runs specs that use it alone. */
export async function expectShortScripts(
  commands: Redis,
  work: () => Promise<void>,
  mostUs = MOST_US,
  isCounted = isScript,
): Promise<void> {
  let best = Infinity;
  for (let round = 0; round < 10 && best > mostUs; round += 1)
    best = Math.min(best, await longestOf(commands, work, isCounted));
  expect(best).toBeLessThanOrEqual(mostUs);
}

/** Fails if any command, be it a script or not, keeps Redis busy for more than 10 ms. */
export function expectShortCommands(commands: Redis, work: () => Promise<void>): Promise<void> {
  return expectShortScripts(commands, work, MOST_US, () => true);
}
