import { frontText, WITHOUT_COUNTS } from '../../core/message/header.js';
import type { Connection } from '../connection/connection.js';
import { MOST_IN_TRANSACTION, oneByOne, transact } from '../connection/transaction.js';
import type { QueueKeys } from '../keys/keys.js';
import { newBodyName } from '../queue/body-name.js';
import { LARGE_BYTES } from '../script/script.js';
import { endFeeding } from './end-feeding.script.js';

/** Most elements that are read at once, while they are small. */
const LARGEST_PAGE = 128;

/** Moves large elements of other programs from `fed` to the queue, so that no script reads them. */
export class LargeFeeds {
  #page = 1;

  constructor(
    private readonly connection: Connection,
    private readonly keys: Pick<QueueKeys, 'fed' | 'waiting' | 'parked' | 'counts'>,
    private readonly newId: () => string,
  ) {}

  /** The next element if it is large; else how many small ones come next, as far as it has looked. */
  async next(): Promise<Buffer | number> {
    const elements = await this.connection.run(endFeeding.action, (client) =>
      client.lrangeBuffer(this.keys.fed, 0, this.#page - 1),
    );
    const [first] = elements;
    const at = elements.findIndex(({ length }) => length > LARGE_BYTES);
    this.#page = at === -1 ? Math.min(LARGEST_PAGE, this.#page * 2) : 1;
    if (at === 0 && first !== undefined) return first;
    return at === -1 ? elements.length : at;
  }

  /**
   * Even if it looks like a message, it is data: all of it becomes the body. Returns false if it is not there (any
   * more), or cannot be parked. @throws RedisRefusedError | RedisUnavailableError | OutcomeUnknownError
   */
  async move(large: Buffer): Promise<boolean> {
    const { fed, waiting, parked, counts } = this.keys;
    const { connection } = this;
    const name = newBodyName();
    const header = frontText({ ...WITHOUT_COUNTS, parked: name });
    const element = `${header},"id":${JSON.stringify(this.newId())}}\n`;
    const keys = { fed, waiting, parked, counts };
    const args = { name, small: element };
    // This run finds nothing to end, but shows whether a permission is missing. Noticed later, that would leave the
    // effects of the commands in front of it.
    if (!endFeeding.isPermitted(connection)) await endFeeding.run(connection, keys, args);
    const send = 2 * large.length > MOST_IN_TRANSACTION ? oneByOne : transact;
    const reply = await connection.run(endFeeding.action, (redis) =>
      send(redis, (client) => [
        client.hsetnx(parked, name, large),
        client.linsert(fed, 'BEFORE', large, element),
        endFeeding.send(client, keys, args),
      ]),
    );
    return endFeeding.read(reply);
  }
}
