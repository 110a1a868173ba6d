import { RedisQueueClient } from '../../index.js';

/** The client of a kit, which also names patterns: as it names the queues to which it sends. */
export class KitClient extends RedisQueueClient {
  nameOf(pattern: unknown): string {
    // Nest says MsPattern; users pass anything, and get text back for what names no queue.
    return String(this.normalizePattern(pattern as never));
  }
}
