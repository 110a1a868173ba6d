import type { Scenario } from '../scenario/scenario.js';
import { simulate } from './simulate.js';

const MOST_TRIES = 400;

/** Leaves out of a failing scenario what it fails without: messages, acts, processes. It stays a scenario of its own. */
export async function shrink(scenario: Scenario): Promise<Scenario> {
  const rule = ruleOf((await simulate(scenario)).violations);
  if (rule === undefined) return scenario;
  let tries = 0;
  const fails = async (candidate: Scenario): Promise<boolean> => {
    tries += 1;
    return ruleOf((await simulate(candidate)).violations) === rule;
  };
  let smallest = scenario;
  for (let before = ''; before !== sizeOf(smallest) && tries < MOST_TRIES;) {
    before = sizeOf(smallest);
    for (const part of ['acts', 'messages', 'processes'] as const) {
      const leaveOut = async (candidate: Scenario): Promise<boolean> =>
        tries < MOST_TRIES && fails(candidate);
      smallest = await without(smallest, part, leaveOut);
    }
  }
  return smallest;
}

function ruleOf([first]: readonly string[]): string | undefined {
  return first?.split(':')[0];
}

function sizeOf({ acts, messages, processes }: Scenario): string {
  return [acts.length, messages.length, processes.length].join();
}

/** First halves, then quarters and so on, down to single ones. */
async function without(
  scenario: Scenario,
  part: 'acts' | 'messages' | 'processes',
  fails: (candidate: Scenario) => Promise<boolean>,
): Promise<Scenario> {
  let smallest = scenario;
  for (let size = Math.ceil(scenario[part].length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < smallest[part].length;) {
      const items: readonly unknown[] = smallest[part];
      const candidate = {
        ...smallest,
        [part]: [...items.slice(0, at), ...items.slice(at + size)],
      }; // of the same part, some are left out
      if (candidate.processes.length > 0 && (await fails(candidate))) smallest = candidate;
      else at += size;
    }
  }
  return smallest;
}
