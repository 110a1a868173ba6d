import type { ChaosServers } from './servers/servers.js';
import { KEYS_OF_OTHERS } from './outsiders.js';

const VALUE = 'untouched';

/** Keys of other programs in the same Redis. */
export class KeysOfOthers {
  constructor(private readonly servers: ChaosServers) {}

  async put(): Promise<void> {
    for (const key of KEYS_OF_OTHERS) await this.servers.commands.rpush(key, VALUE);
  }

  /** The keys whose content has changed, or that would expire. */
  async touched(): Promise<string[]> {
    const touched: string[] = [];
    for (const key of KEYS_OF_OTHERS) {
      const values = await this.servers.commands.lrange(key, 0, -1);
      const endsInMs = await this.servers.commands.pttl(key);
      if (values.length !== 1 || values[0] !== VALUE || endsInMs !== -1) touched.push(key);
    }
    return touched;
  }
}
