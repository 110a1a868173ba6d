import { expect, test } from '@jest/globals';
import { makeScenario } from '../scenario/make-scenario.js';
import type { Scenario } from '../scenario/scenario.js';
import { shrink } from './shrink.js';
import { simulate } from './simulate.js';
import { storyOf } from './story.js';

test('a seed fixes everything: the same schedule leaves the same trace', async () => {
  for (const seed of ['a', 'b', 'c', 'd', 'e']) {
    const first = await simulate(makeScenario(seed), true);
    const second = await simulate(makeScenario(seed), true);

    expect(first.violations).toEqual([]);
    expect(second.traceHash).toBe(first.traceHash);
    expect(second.lines.join('\n')).toBe(first.lines.join('\n'));
  }
});

test('another seed is another schedule', async () => {
  const [one, other] = [await simulate(makeScenario('a')), await simulate(makeScenario('b'))];

  expect(one.traceHash).not.toBe(other.traceHash);
});

/** The message that hangs keeps the only place of the only consumer. */
function wedged(): Scenario {
  const scenario = makeScenario('a');
  const [process] = scenario.processes;
  const [queue] = scenario.queues;
  const when = { sentAtMs: 100, delayMs: undefined, expiresInMs: undefined };
  const plan = { queue: 'a', key: undefined, dataKey: undefined, priority: undefined, ...when };
  const sent = { deduplicateMs: undefined, waitForRoomMs: undefined };
  const message = { ...plan, ...sent, sender: scenario.senders[0]! };
  return {
    ...scenario,
    isCalm: false,
    queues: [
      {
        ...queue!,
        name: 'a',
        eventsOf: undefined,
        timeoutMs: undefined,
        batchSize: undefined,
        limit: undefined,
        maxLength: undefined,
      },
    ],
    processes: [
      { ...process!, consumes: [{ queue: 'a', concurrency: 1, prefetch: 1, readsKeys: false }] },
    ],
    messages: [
      ...Array.from({ length: 10 }, (_, n) => ({ ...message, id: `ok${n}`, steps: [] })),
      { ...message, id: 'hangs', steps: [{ does: 'hang' }] },
      { ...message, id: 'behind', sentAtMs: 200, steps: [] },
    ],
    acts: [{ atMs: 500, act: 'freeze', process: process!.name, ms: 50 }],
  };
}

test('a schedule that breaks a rule is shrunk to what it needs, and told', async () => {
  const shrunk = await shrink(wedged());

  expect(shrunk.messages.map(({ id }) => id)).toEqual(['hangs', 'behind']);
  expect(shrunk.acts).toEqual([]);
  const story = await storyOf(shrunk);
  expect(story).toContain('BROKEN  no wedge: messages are left while its consumers lived');
  expect(story).toContain('begins hangs (attempt 1): hang');
});
