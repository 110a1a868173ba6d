import type { Handling } from '../journal/handling.js';
import type { Journal, Sending } from '../journal/journal.js';
import type { EventUnderWay, Traffic } from '../place/traffic.js';
import type { OpenWork } from './open-work.js';

/** What the apps of a kit are doing. */
export function openInApps(journal: Journal, traffic: Traffic): readonly OpenWork[] {
  const now = performance.now();
  return [
    ...journal.running.map((handling) => ofHandling(now, handling)),
    ...traffic.eventsUnderWay.map(ofEvent),
    ...journal.openSendings.map(ofSending),
  ];
}

function ofHandling(
  now: number,
  { app, pattern, delivery, beganAt = now, fault }: Handling,
): OpenWork {
  const { queue, id, attempt } = delivery;
  const why = fault === undefined ? `in ${app}` : `in ${app}, ${fault}`;
  return { state: 'running', pattern, queue, id, attempt, forMs: now - beganAt, why };
}

function ofEvent({ pattern, id, missing }: EventUnderWay): OpenWork {
  const why = `a live event that ${missing} of its listeners have not heard`;
  return { state: 'arriving', pattern, queue: pattern, id, attempt: 1, forMs: undefined, why };
}

function ofSending({ app, message }: Sending): OpenWork {
  const { verb, queue, id } = message;
  const why = `${app} waits for ${verb === 'send' ? 'the reply' : 'Redis'}`;
  return { state: 'sending', pattern: queue, queue, id, attempt: 1, forMs: undefined, why };
}
