import type { QueueConsumer } from '../../core/admin/admin-broker.js';
import { dateOf } from '../../core/admin/message-reader.js';
import type { Connection } from '../connection/connection.js';
import { readTime } from '../connection/read-time.js';
import type { QueueKeys } from '../keys/keys.js';
import { filledOf, partsOf } from './held-lists.js';
import { scored } from './scored.js';

/** The consumers of a queue, in the order in which their leases end; then reclaimed ones that hold something again. */
export async function listConsumers(
  connection: Connection,
  keys: QueueKeys,
): Promise<readonly QueueConsumer[]> {
  const consumers: QueueConsumer[] = [];
  for await (const part of partsOf(connection, keys.consumers))
    consumers.push(...(await withLeases(connection, keys, scored(part))));
  for await (const part of partsOf(connection, keys.fenced)) {
    const names = scored(part).map(([name]) => name);
    for (const { consumer: name, length: held } of await filledOf(connection, keys, names))
      consumers.push({ name, state: 'reclaimed', leaseEndsAt: undefined, held });
  }
  return consumers;
}

async function withLeases(
  connection: Connection,
  keys: QueueKeys,
  leases: readonly (readonly [name: string, endsMs: number])[],
): Promise<readonly QueueConsumer[]> {
  if (leases.length === 0) return [];
  const nowMs = await readTime(connection);
  const names = leases.map(([name]) => name);
  const filled = await filledOf(connection, keys, names);
  const held = new Map(filled.map(({ consumer, length }) => [consumer, length]));
  return leases.map(([name, endsMs]) => ({
    name,
    state: endsMs > nowMs ? 'live' : 'ended',
    leaseEndsAt: dateOf(endsMs),
    held: held.get(name) ?? 0,
  }));
}
