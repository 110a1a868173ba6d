import type { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import { OF_KEYS } from './settings.js';

/** Compares what is counted of keys with the lists, whatever happens beside it. */
export class LaneCounts {
  /** Everything that was ever wrong. */
  readonly wrong: string[] = [];

  constructor(private readonly admin: RedisQueueAdmin) {}

  async look(): Promise<void> {
    for (const queue of Object.values(OF_KEYS)) {
      const { wrong, inLanes } = await this.admin.checkLanes(queue);
      this.wrong.push(...wrong.map((one) => `${queue} ${JSON.stringify(one)}`));
      if (inLanes.counted !== inLanes.there)
        this.wrong.push(`${queue} ${JSON.stringify({ inLanes })}`);
    }
  }
}
