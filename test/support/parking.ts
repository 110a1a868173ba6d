import { idOf, parkedAs } from './element.js';
import type { QueueDump } from './queue-dump.js';
import { Violations } from './violations.js';
import type { Violation } from './violations.js';

/** Said of messages whose header names a body that does not stand there. */
export const BODY_GONE = 'its parked body is gone';

/** Every body beside the queue belongs to one message that is in it, and each message that left its body there has it. */
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
