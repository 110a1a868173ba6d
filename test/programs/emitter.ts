import type { RedisOptions } from 'ioredis';
import { RedisQueueClient, RedisQueueRecordBuilder } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { JournalWriter } from '../support/journal.js';

/** Emits numbered events as fast as it can, and notes each before and after, until it is killed. */
export interface EmitterSettings {
  readonly url: string | RedisOptions;
  readonly prefix: string;
  readonly pattern: string;
  readonly journal: string;
  /** The beginning of the ids. */
  readonly name: string;
}

/** How many calls are under way at once. */
const AT_ONCE = 20;

const settings = JSON.parse(process.argv[2] ?? '') as EmitterSettings; // from the test
const { url, prefix, pattern, name } = settings;
const journal = new JournalWriter(settings.journal);
const client = new RedisQueueClient({ connection: url, prefix });
let emitted = 0;

async function emitForever(): Promise<never> {
  for (;;) {
    const id = `${name}-${(emitted += 1)}`;
    journal.write({ event: 'sent', id });
    await lastValueFrom(client.emit(pattern, new RedisQueueRecordBuilder({ id }).id(id).build()));
    journal.write({ event: 'confirmed', id });
  }
}

// The test has ended in some way.
process.on('disconnect', () => process.exit(1));
process.once('SIGTERM', () => process.exit(0));
await client.connect();
process.send?.('ready');
await Promise.all(Array.from({ length: AT_ONCE }, emitForever));
