import type { Scenario } from '../scenario/scenario.js';
import { simulate } from './simulate.js';

const MOST_LINES = 120;
/** Commands that come again and again; what they bring is told by itself. */
const USUAL = / now: (settle|wait|renew|look|hold)/;

/** A failing scenario for people: what was planned, what happened, and what was broken. */
export async function storyOf(scenario: Scenario): Promise<string> {
  const { violations, traceHash, lines } = await simulate(scenario, true);
  const plans = [
    ...scenario.queues.map((queue) => `queue ${JSON.stringify(queue)}`),
    ...scenario.processes.map((process) => `process ${JSON.stringify(process)}`),
    ...scenario.messages.map((message) => `message ${JSON.stringify(message)}`),
    ...scenario.acts.map((act) => `act ${JSON.stringify(act)}`),
  ];
  const shown = lines.filter((line) => !USUAL.test(line));
  const left = shown.length - MOST_LINES;
  return [
    `seed ${scenario.seed}, trace ${traceHash}`,
    ...violations.map((violation) => `BROKEN  ${violation}`),
    ...plans,
    ...shown.slice(0, MOST_LINES),
    ...(left > 0 ? [`… ${left} more lines`] : []),
  ].join('\n');
}
