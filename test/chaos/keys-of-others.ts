import type { Redis } from 'ioredis';
import { KEYS_OF_OTHERS } from './outsiders.js';

const VALUE = 'untouched';

/** Keys of other programs in the same Redis. */
export class KeysOfOthers {
  constructor(private readonly commands: Redis) {}

  async put(): Promise<void> {
    for (const key of KEYS_OF_OTHERS) await this.commands.rpush(key, VALUE);
  }

  /** The keys whose content has changed, or that would expire. */
  async touched(): Promise<string[]> {
    const touched: string[] = [];
    for (const key of KEYS_OF_OTHERS) {
      const values = await this.commands.lrange(key, 0, -1);
      const endsInMs = await this.commands.pttl(key);
      if (values.length !== 1 || values[0] !== VALUE || endsInMs !== -1) touched.push(key);
    }
    return touched;
  }
}
