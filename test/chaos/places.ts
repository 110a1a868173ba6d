import { setTimeout as pause } from 'node:timers/promises';
import { RedisQueueClient, RedisQueueRecordBuilder } from 'nestjs-redis-queue-transport';
import type { RedisQueueRecord } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import type { JournalEntry } from '../support/journal.js';
import type { ChaosWorld } from './faults.js';
import { JournalTail } from './journal-tail.js';
import type { Replica } from './replica.js';
import { RunningHolds, type HandlerOf } from './running-holds.js';
import {
  ASK,
  BATCH,
  BATCHES_AT_ONCE,
  BOUNDED,
  BULK,
  BULK_GROUP,
  COLLECTED,
  CONCURRENCY,
  EARLY_GROUPS,
  GROUPS,
  HISTORY,
  KEYED,
  LIMITED,
  PARTNER,
  PARTNER_LIST,
  PLACED,
  PREFIX,
  RUNNING,
  WORK,
  queueOfGroup,
  type Work,
} from './settings.js';

const WITHIN_MS = 60_000;
const LOOKS_EVERY_MS = 100;
const HOLD = 'hold-';

/** The places of one handler in one process. For a handler of batches, each place is a batch. */
interface Places extends HandlerOf {
  readonly consumer: string;
  readonly places: number;
}

/**
 * Fills every place of every handler: as many have to run at once as allowed. Returns the handlers that stay below, since
 * something that has ended still occupies a place.
 */
export async function placesTaken(world: ChaosWorld): Promise<string[]> {
  const { servers, consumers, switches } = world;
  const tail = new JournalTail(() => consumers.map(({ journal }) => journal));
  tail.skip();
  const client = new RedisQueueClient({
    connection: servers.connection,
    prefix: PREFIX,
    requestTimeoutMs: 2 * WITHIN_MS,
    declare: { [PLACED]: { groups: EARLY_GROUPS, history: HISTORY } },
  });
  const running = new RunningHolds((id) => id.startsWith(HOLD));
  const all = [...consumers.flatMap(placesOf), OF_LIMIT];
  const areTaken = (): Places[] => {
    const entries = tail.entries();
    running.note(entries.filter(({ queue }) => queue !== LIMITED));
    running.note(entries.filter(({ queue }) => queue === LIMITED).map(inAnyProcess));
    return all.filter((each) => running.most(each) < each.places);
  };
  try {
    const asked = ask(client, consumers.length * CONCURRENCY[ASK]);
    await fill(world, client);
    const deadline = performance.now() + WITHIN_MS;
    while (areTaken().length > 0 && performance.now() < deadline) await pause(LOOKS_EVERY_MS);
    switches.turnOn('letGo');
    await asked;
    return areTaken().map(
      (each) =>
        `${running.most(each)} of ${each.places} of "${each.queue}" ran at once in ${each.consumer}`,
    );
  } finally {
    await client.close();
  }
}

/** All processes together have so many. */
const OF_LIMIT: Places = { consumer: 'all consumers', pid: 0, queue: LIMITED, places: RUNNING };

function inAnyProcess(entry: JournalEntry): JournalEntry {
  return { ...entry, pid: OF_LIMIT.pid };
}

function placesOf(consumer: Replica): Places[] {
  const { name, pid = 0 } = consumer;
  const messages = [WORK, PARTNER, ASK, KEYED, BOUNDED] as const;
  const served = GROUPS.filter((group) => consumer.serves(group));
  return [
    ...messages.map((queue) => ({ consumer: name, pid, queue, places: CONCURRENCY[queue] })),
    { consumer: name, pid, queue: BULK, places: BATCHES_AT_ONCE },
    { consumer: name, pid, queue: COLLECTED, places: BATCHES_AT_ONCE },
    ...served.map((group) => ({
      consumer: name,
      pid,
      queue: queueOfGroup(group),
      places: group === BULK_GROUP ? BATCHES_AT_ONCE : CONCURRENCY[PLACED],
    })),
  ];
}

async function ask(client: RedisQueueClient, count: number): Promise<void> {
  const requests = Array.from({ length: count }, (_, index) =>
    lastValueFrom(client.send(ASK, recordOf(hold(`asked-${index}`)))),
  );
  await Promise.all(requests);
}

/** Sends as many messages as all processes together may run. Each event is one message for each group. */
async function fill(world: ChaosWorld, client: RedisQueueClient): Promise<void> {
  const { commands, consumers, journal } = world;
  const calls: Readonly<Record<NonNullable<JournalEntry['verb']>, Call>> = {
    enqueue: {
      count: consumers.length * CONCURRENCY[WORK],
      make: (work) => lastValueFrom(client.enqueue(WORK, recordOf(work))),
    },
    bulk: {
      count: consumers.length * BATCHES_AT_ONCE * BATCH.size,
      make: (work) => lastValueFrom(client.enqueue(BULK, recordOf(work))),
    },
    push: {
      count: consumers.length * CONCURRENCY[PARTNER],
      make: (work) => commands.rpush(PARTNER_LIST, JSON.stringify(work)),
    },
    keyed: {
      count: consumers.length * CONCURRENCY[KEYED],
      make: (work) => lastValueFrom(client.enqueue(KEYED, recordOf(work))),
    },
    limited: {
      count: RUNNING,
      make: (work) => lastValueFrom(client.enqueue(LIMITED, recordOf(work))),
    },
    bounded: {
      count: consumers.length * CONCURRENCY[BOUNDED],
      make: (work) => lastValueFrom(client.enqueue(BOUNDED, recordOf(work))),
    },
    collected: {
      count: consumers.length * BATCHES_AT_ONCE * BATCH.size,
      make: (work) => lastValueFrom(client.enqueue(COLLECTED, recordOf(work))),
    },
    emit: {
      count: consumers.length * CONCURRENCY[PLACED],
      make: (work) =>
        lastValueFrom(client.emit(PLACED, recordOf(work)), { defaultValue: undefined }),
    },
  };
  for (const [verb, { count, make }] of Object.entries(calls) as [keyof typeof calls, Call][]) {
    for (let index = 0; index < count; index += 1) {
      const work = hold(`${verb}-${index}`);
      journal.write({ event: 'sent', verb, id: work.id, reason: work.behaviour });
      await make(work);
      journal.write({ event: 'confirmed', verb, id: work.id });
    }
  }
}

interface Call {
  readonly count: number;
  readonly make: (work: Work) => Promise<unknown>;
}

function hold(name: string): Work {
  return { id: `${HOLD}${name}`, behaviour: 'hold' };
}

function recordOf(work: Work): RedisQueueRecord<Work> {
  return new RedisQueueRecordBuilder(work).id(work.id).build();
}
