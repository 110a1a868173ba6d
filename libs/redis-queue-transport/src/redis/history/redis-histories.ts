import { historyField } from '../../core/events/event-index.js';
import type { HistoryPage } from '../../core/subscriptions/history-page.js';
import type { KeptEvents } from '../../core/subscriptions/recovered-events.js';
import type { Connection } from '../connection/connection.js';
import type { Keys } from '../keys/keys.js';
import { readHistory } from './read-history.script.js';

/** The histories in Redis. */
export class RedisHistories implements KeptEvents {
  constructor(
    private readonly connection: Connection,
    private readonly keys: Keys,
    readonly nowMs: () => number,
  ) {}

  async isKept(pattern: string): Promise<boolean> {
    const field = historyField(pattern);
    const { index } = this.keys.index(pattern);
    const isKept = await this.connection
      .at(index)
      .run('read the groups', (client) => client.hexists(index, field));
    return isKept === 1;
  }

  async read(pattern: string, from = ''): Promise<HistoryPage> {
    await this.connection.ready();
    return readHistory.run(this.connection, this.keys.history(pattern), { from });
  }
}
