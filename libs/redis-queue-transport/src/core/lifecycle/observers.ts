import { headersOfAll, runInAll } from './interventions.js';
import { ListenerFailures } from './listener-failures.js';
import type { RedisQueueObserver } from './observer.js';

type Event = keyof RedisQueueObserver;

/** Every event. The compiler checks that none is missing. */
const EVENTS: Readonly<Record<Event, true>> = {
  run: true,
  began: true,
  ended: true,
  settled: true,
  retried: true,
  postponed: true,
  deadLettered: true,
  skipped: true,
  failedUntold: true,
  eventFailed: true,
  leaseLost: true,
  leaseRegained: true,
  reclaimed: true,
  trialBegan: true,
  trialEnded: true,
  handedBack: true,
  settledElsewhere: true,
  queueSlowed: true,
  queueRecovered: true,
  deadLettersDropped: true,
  eventsDropped: true,
  gap: true,
  eventsInterrupted: true,
  callFailed: true,
  callsRecovered: true,
  sending: true,
  sent: true,
  sendFailed: true,
  replied: true,
  abandoned: true,
};

export const OBSERVED_EVENTS = Object.keys(EVENTS) as readonly Event[]; // the keys of a constant

/**
 * Combines observers into one, which has a method if any of them has it. If an observer throws or rejects, `onError`
 * gets the error. Neither the other observers nor the observed work are affected.
 */
export function observersAsOne(
  observers: readonly RedisQueueObserver[],
  onError: (event: Event, error: unknown) => void,
): RedisQueueObserver {
  const one: Partial<Record<Exclude<Event, Intervention>, Tell>> = {};
  for (const event of OBSERVED_EVENTS) {
    if (event === 'sending' || event === 'run') continue;
    const told = having(event, observers);
    if (told.length > 0) one[event] = tellAll(event, told, failuresOf(event, onError));
  }
  const sending = having('sending', observers);
  const run = having('run', observers);
  // Each of the other methods passes its arguments on to methods of the same name.
  return {
    ...one,
    ...(sending.length > 0 && { sending: headersOfAll(sending, failuresOf('sending', onError)) }),
    ...(run.length > 0 && { run: runInAll(run, failuresOf('run', onError)) }),
  };
}

/** Does more than listen. */
type Intervention = 'sending' | 'run';

type Tell = (about: unknown, more?: unknown) => void;

function having(
  event: Event,
  observers: readonly RedisQueueObserver[],
): readonly RedisQueueObserver[] {
  return observers.filter((observer) => observer[event] !== undefined);
}

function failuresOf(
  event: Event,
  onError: (event: Event, error: unknown) => void,
): ListenerFailures {
  return new ListenerFailures((error) => onError(event, error));
}

function tellAll(
  event: Event,
  observers: readonly RedisQueueObserver[],
  failures: ListenerFailures,
): Tell {
  return (about, more) => {
    for (const observer of observers) {
      try {
        // All methods for the same event take the same arguments.
        failures.watch((observer[event] as Tell).call(observer, about, more));
      } catch (error) {
        failures.add(error);
      }
    }
  };
}
