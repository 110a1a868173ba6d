import 'reflect-metadata';
import { setTimeout as pause } from 'node:timers/promises';
import { RedisQueueClient, RedisQueueRecordBuilder } from 'nestjs-redis-queue-transport';
import type { RedisQueueRecord } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { JournalWriter } from '../support/journal.js';
import { resultOf } from '../support/ledger.js';
import { randomNumbers } from '../support/seed.js';
import { fillerOf } from './filler.js';
import { resultsOfMany } from './results-of-many.js';
import {
  ASK,
  BATCH,
  BOUNDED,
  BULK,
  COLLECTED,
  COMPRESS_ABOVE_BYTES,
  EARLY_GROUPS,
  HISTORY,
  KEYED,
  LIMITED,
  NEWS,
  PARK_ABOVE_BYTES,
  PLACED,
  REQUEST_TIMEOUT_MS,
  WORK,
  WRONG_ANSWER,
  readSettings,
  type Work,
} from './settings.js';

/** A call that takes longer counts as hanging. */
const HANGS_AFTER_MS = 60_000;
const DEDUPLICATE_MS = 600_000;
const ROOM_WITHIN_MS = 1_000;
/** How many keys each loop has. */
const KEYS = 5;

const settings = readSettings();
const journal = new JournalWriter(settings.journal);
const random = randomNumbers(settings.seed);
const client = new RedisQueueClient({
  connection: settings.connection,
  prefix: settings.prefix,
  requestTimeoutMs: REQUEST_TIMEOUT_MS,
  connectTimeoutMs: 2_000,
  parkAboveBytes: PARK_ABOVE_BYTES,
  compressAboveBytes: COMPRESS_ABOVE_BYTES,
  declare: { [PLACED]: { groups: EARLY_GROUPS, history: HISTORY } },
});
let isStopping = false;
let count = 0;

process.on('message', () => {
  isStopping = true;
});
// The run has ended in some way.
process.on('disconnect', () => process.exit(1));

function nextId(): string {
  count += 1;
  return `${settings.name}-${count}`;
}

function behaviour(): Work['behaviour'] {
  const dice = random();
  if (dice < 0.7) return 'finish';
  if (dice < 0.85) return 'takeTime';
  if (dice < 0.92) return 'failOnce';
  if (dice < 0.948) return 'retryLater';
  if (dice < 0.949) return 'dawdle';
  if (dice < 0.95) return 'hang';
  return dice < 0.98 ? 'failAlways' : 'reject';
}

/** Reports a call that neither resolves nor rejects. */
async function notHanging<T>(call: Promise<T>, id: string): Promise<T> {
  const over = new AbortController();
  const hung = pause(HANGS_AFTER_MS, undefined, { signal: over.signal }).then(
    () => {
      process.send?.({ hung: id });
      throw new Error(`The call of ${id} hangs.`);
    },
    () => new Promise<never>(() => undefined),
  );
  try {
    return await Promise.race([call, hung]);
  } finally {
    over.abort();
  }
}

const KEYED_VERBS = ['keyed', 'limited', 'bounded', 'collected'] as const;
type Verb = 'enqueue' | 'bulk' | 'emit' | (typeof KEYED_VERBS)[number];

const CALLS: Readonly<Record<Verb, (message: RedisQueueRecord<Work>) => Promise<unknown>>> = {
  enqueue: (message) => lastValueFrom(client.enqueue(WORK, message)),
  bulk: (message) => lastValueFrom(client.enqueue(BULK, message)),
  emit: (message) => lastValueFrom(client.emit(PLACED, message)),
  keyed: (message) => lastValueFrom(client.enqueue(KEYED, message)),
  limited: (message) => lastValueFrom(client.enqueue(LIMITED, message)),
  bounded: (message) => lastValueFrom(client.enqueue(BOUNDED, message)),
  collected: (message) => lastValueFrom(client.enqueue(COLLECTED, message)),
};

/** Less that takes long than elsewhere, since it holds up its key. */
function behaviourOfKeyed(): Work['behaviour'] {
  const dice = random();
  if (dice < 0.002) return dice < 0.001 ? 'failAlways' : 'hang';
  if (dice < 0.05) return 'failOnce';
  if (dice < 0.08) return 'retryLater';
  if (dice < 0.1) return 'reject';
  return dice < 0.2 ? 'takeTime' : 'finish';
}

/** Gives every third message a priority. Messages of one key keep their order even so. */
function prioritise(record: RedisQueueRecordBuilder<Work>): void {
  if (random() < 1 / 3) record.priority(Math.floor(random() * 10));
}

/**
 * Sends messages with a few keys one after the other, so that their order is known: the next one once it is known what
 * became of the one before.
 */
async function sendKeyed(loop: number): Promise<void> {
  while (!isStopping) {
    const verb = KEYED_VERBS[Math.floor(random() * KEYED_VERBS.length)] ?? 'keyed';
    const id = nextId();
    const work: Work = { id, behaviour: behaviourOfKeyed(), ...fillerOf(random) };
    const key = `${settings.name}-${loop}-${Math.floor(random() * KEYS)}`;
    const record = new RedisQueueRecordBuilder(work).id(id).deduplicate(DEDUPLICATE_MS).key(key);
    if (random() < 0.5) record.waitForRoom(ROOM_WITHIN_MS);
    prioritise(record);
    journal.write({ event: 'sent', verb, id, key, reason: work.behaviour });
    await sendUntilKnown(verb, id, record.build());
    await pause(random() * 40);
  }
}

/** Sends one message. */
async function send(verb: Verb): Promise<void> {
  const id = nextId();
  const work: Work = { id, behaviour: behaviour(), ...fillerOf(random) };
  const record = new RedisQueueRecordBuilder(work).id(id).deduplicate(DEDUPLICATE_MS);
  const isDelayed = verb !== 'emit' && random() < 0.15;
  const delayMs = isDelayed ? Math.floor(random() * 2_000) : undefined;
  const expiresInMs = random() < 0.05 ? 1 + Math.floor(random() * 3_000) : undefined;
  if (delayMs !== undefined) record.delay(delayMs);
  if (expiresInMs !== undefined) record.expiresIn(expiresInMs);
  if (verb !== 'emit') prioritise(record);
  const message = record.build();
  journal.write({ event: 'sent', verb, id, reason: work.behaviour, delayMs, expiresInMs });
  return sendUntilKnown(verb, id, message);
}

/** After an unknown outcome, sends it again until the outcome is known. */
async function sendUntilKnown(
  verb: Verb,
  id: string,
  message: RedisQueueRecord<Work>,
): Promise<void> {
  for (let wasUnknown = false; ;) {
    const result = await resultOf(notHanging(CALLS[verb](message), id));
    wasUnknown ||= result === 'unknown';
    if (result === 'confirmed') return journal.write({ event: 'confirmed', verb, id });
    // A later refusal says nothing about the outcome of an earlier call.
    if (!wasUnknown) return journal.write({ event: 'rejected', verb, id });
    journal.write({ event: 'unknown', verb, id });
    if (isStopping) return;
    await pause(100);
  }
}

/** Sends one message once and without deduplication: if the outcome is unknown, it may be held or not. */
async function sendPlainly(verb: Verb): Promise<void> {
  const id = nextId();
  const work: Work = { id, behaviour: 'finish', ...fillerOf(random) };
  const message = new RedisQueueRecordBuilder(work).id(id).build();
  journal.write({ event: 'sent', verb, id, reason: work.behaviour });
  const event = await resultOf(notHanging(CALLS[verb](message), id));
  journal.write({ event, verb, id });
}

/** Likewise, sends several messages with one call to a handler of batches. */
async function sendMany(): Promise<void> {
  const verb = 'bulk';
  const ids = Array.from({ length: BATCH.size }, nextId);
  const messages = ids.map((id) => {
    const work: Work = { id, behaviour: behaviour(), ...fillerOf(random) };
    journal.write({ event: 'sent', verb, id, reason: work.behaviour });
    return new RedisQueueRecordBuilder(work).id(id).build();
  });
  const call = notHanging(lastValueFrom(client.enqueueMany(BULK, messages)), ids.join());
  const results = await resultsOfMany(call, ids.length);
  for (const [index, id] of ids.entries())
    journal.write({ event: results[index] ?? 'unknown', verb, id });
}

async function ask(): Promise<void> {
  const id = nextId();
  journal.write({ event: 'asked', id });
  try {
    const answer = await notHanging(lastValueFrom(client.send<string>(ASK, id)), id);
    journal.write(
      answer === id ? { event: 'answered', id } : { event: 'failed', id, reason: WRONG_ANSWER },
    );
  } catch {
    // While Redis or its consumers are away, an error or a timeout is a right answer too.
    journal.write({ event: 'failed', id });
  }
}

async function tell(): Promise<void> {
  const id = nextId();
  try {
    await notHanging(lastValueFrom(client.emit(NEWS, id), { defaultValue: undefined }), id);
    journal.write({ event: 'emitted', id });
  } catch {
    // Live events may be lost, so no account is kept.
  }
}

async function sendOn(): Promise<void> {
  while (!isStopping) {
    const dice = random();
    if (dice < 0.3) await send('enqueue');
    else if (dice < 0.44) await sendPlainly('enqueue');
    else if (dice < 0.54) await send('bulk');
    else if (dice < 0.57) await sendPlainly('bulk');
    else if (dice < 0.6) await sendMany();
    else if (dice < 0.75) await send('emit');
    else if (dice < 0.83) await sendPlainly('emit');
    else if (dice < 0.95) await ask();
    else await tell();
    if (random() < 0.5) await pause(random() * 40);
  }
}

process.send?.('ready');
await Promise.all([
  ...Array.from({ length: 8 }, () => sendOn()),
  ...Array.from({ length: 3 }, (_, loop) => sendKeyed(loop)),
]);
await client.close();
process.removeAllListeners('disconnect');
process.disconnect();
