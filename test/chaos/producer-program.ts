import 'reflect-metadata';
import { setTimeout as pause } from 'node:timers/promises';
import {
  OutcomeUnknownError,
  RedisQueueClient,
  RedisQueueRecordBuilder,
} from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { randomNumbers } from '../support/seed.js';
import { LedgerFile } from './ledger-file.js';
import { ASK, NEWS, REQUEST_TIMEOUT_MS, WORK, readSettings, type Work } from './settings.js';

/** Longest time that a call may take before it counts as hanging. */
const HANGS_AFTER_MS = 30_000;
const DEDUPLICATE_MS = 600_000;

const settings = readSettings();
const ledger = new LedgerFile(settings.ledger);
const random = randomNumbers(settings.seed);
const client = new RedisQueueClient({
  connection: settings.redisUrl,
  prefix: settings.prefix,
  requestTimeoutMs: REQUEST_TIMEOUT_MS,
  connectTimeoutMs: 2_000,
});
let isStopping = false;
let count = 0;

process.on('message', () => {
  isStopping = true;
});

function nextId(): string {
  count += 1;
  return `${settings.name}-${count}`;
}

function behaviour(): Work['behaviour'] {
  const dice = random();
  if (dice < 0.7) return 'finish';
  if (dice < 0.85) return 'takeTime';
  if (dice < 0.92) return 'failOnce';
  if (dice < 0.95) return 'retryLater';
  return dice < 0.98 ? 'failAlways' : 'reject';
}

/** A call that neither resolves nor rejects is a finding of its own. */
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

/** Sends one message; after an unknown outcome again, until it is known. */
async function enqueue(): Promise<void> {
  const id = nextId();
  const record = new RedisQueueRecordBuilder<Work>({ id, behaviour: behaviour() }).id(id);
  record.deduplicate(DEDUPLICATE_MS);
  if (random() < 0.15) record.delay(Math.floor(random() * 2_000));
  const expires = random() < 0.05;
  if (expires) record.expiresIn(1 + Math.floor(random() * 3_000));
  const message = record.build();
  ledger.write('sent', id, expires ? 'expires' : '');
  for (let wasUnknown = false; ;) {
    try {
      await notHanging(lastValueFrom(client.enqueue(WORK, message)), id);
      return ledger.write('held', id);
    } catch (error) {
      wasUnknown ||= error instanceof OutcomeUnknownError;
      if (!wasUnknown) return ledger.write('refused', id);
      ledger.write('unknown', id);
      if (isStopping) return;
      await pause(100);
    }
  }
}

/** Without deduplication and never sent again: what stays unknown may be held or not. */
async function enqueuePlainly(): Promise<void> {
  const id = nextId();
  const message = new RedisQueueRecordBuilder<Work>({ id, behaviour: 'finish' }).id(id).build();
  ledger.write('sent', id);
  try {
    await notHanging(lastValueFrom(client.enqueue(WORK, message)), id);
    ledger.write('held', id);
  } catch (error) {
    ledger.write(error instanceof OutcomeUnknownError ? 'unknown' : 'refused', id);
  }
}

async function ask(): Promise<void> {
  const id = nextId();
  ledger.write('asked', id);
  try {
    const answer = await notHanging(lastValueFrom(client.send<string>(ASK, id)), id);
    ledger.write(answer === id ? 'answered' : 'failed', id, answer === id ? '' : 'wrong');
  } catch {
    // An error or a timeout is an answer too, while Redis or its consumers are away.
    ledger.write('failed', id);
  }
}

async function emit(): Promise<void> {
  const id = nextId();
  try {
    await notHanging(lastValueFrom(client.emit(NEWS, id), { defaultValue: undefined }), id);
    ledger.write('emitted', id);
  } catch {
    // At most once: there is nothing to keep account of.
  }
}

async function sendOn(): Promise<void> {
  while (!isStopping) {
    const dice = random();
    if (dice < 0.5) await enqueue();
    else if (dice < 0.8) await enqueuePlainly();
    else if (dice < 0.95) await ask();
    else await emit();
    if (random() < 0.5) await pause(random() * 40);
  }
}

process.send?.('ready');
await Promise.all(Array.from({ length: 8 }, () => sendOn()));
await client.close();
process.disconnect();
