import { RedisQueueRecordBuilder } from 'nestjs-redis-queue-transport';
import type { TestMessage } from './consumer-process.js';

/** What is sent of a message of a test: its id, and what the sender says of it. */
export function recordOf(message: TestMessage): RedisQueueRecordBuilder<TestMessage> {
  const record = new RedisQueueRecordBuilder(message).id(message.id);
  if (message.key !== undefined) record.key(message.key);
  if (message.priority !== undefined) record.priority(message.priority);
  if (message.waitForRoomMs !== undefined) record.waitForRoom(message.waitForRoomMs);
  return record;
}
