import { idOf, parkedAs } from './element.js';
import type { QueueDump } from './queue-dump.js';
import { Violations } from './violations.js';
import type { Violation } from './violations.js';

/** The complaint about messages whose header names a body that does not exist. */
export const BODY_GONE = 'its parked body is gone';

/** Every parked body belongs to one message in the queue, and each message with a parked body has it. */
export function parkingOf(dump: QueueDump): readonly Violation[] {
  const violations = new Violations();
  const owners = new Map<string, string>();
  for (const element of elementsIn(dump)) {
    const number = parkedAs(element);
    if (number === undefined) continue;
    if (owners.has(number)) violations.say('shares its parked body', [idOf(element)]);
    owners.set(number, idOf(element));
  }
  const bodies = new Set(dump.parked);
  violations.sayOf(
    BODY_GONE,
    [...owners].filter(([number]) => !bodies.has(number)).map(([, id]) => id),
  );
  const leaked = dump.parked.filter((number) => !owners.has(number));
  if (leaked.length > 0)
    violations.say(`parked bodies without a message: ${leaked.slice(0, 10).join(', ')}`, []);
  return violations.all;
}

function elementsIn({ waiting, suspects, processing, delayed, dead }: QueueDump): Buffer[] {
  return [...waiting, ...suspects, ...delayed, ...dead, ...[...processing.values()].flat()];
}
