import type { FoundElement } from '../../core/admin/admin-broker.js';
import { idOf } from '../../core/message/envelope.js';
import type { Connection } from '../connection/connection.js';
import type { QueueKeys } from '../keys/keys.js';
import { keysInUse } from '../lanes/keys-in-use.js';
import { laneLengths } from '../lanes/lane-lengths.script.js';
import { heldLists } from './held-lists.js';
import type { Looked } from './find.script.js';
import { findDelayed, findInList } from './find.script.js';
import { scoreOf } from './scored.js';

/** What names a level in the hash `levels`. */
const LEVEL = /^\d$/;

type Look = (passed: number) => Promise<Looked>;

/** Looks for the message with an id, part by part. Finds where it is, and its element. */
export class MessageSearch {
  readonly #text: string;

  constructor(
    private readonly connection: Connection,
    private readonly keys: QueueKeys,
    private readonly id: string,
  ) {
    this.#text = plainTextOf(id);
  }

  /**
   * Searches places in the order in which messages pass through them, so that one which moves on meanwhile is found in
   * a later place. One that goes back meanwhile can be missed.
   */
  async find(): Promise<FoundElement | undefined> {
    const { delayed, unkeyed, level, waiting, suspects, lane } = this.keys;
    const isDelayed = await this.#lookThrough((passed) => this.#inDelayed(passed));
    if (isDelayed !== undefined) {
      const dueMs = await this.connection.run('look for a message', (client) =>
        client.zscore(delayed, isDelayed),
      );
      if (dueMs !== null) return { place: 'delayed', element: isDelayed, dueMs: scoreOf(dueMs) };
    }
    const isUnkeyed = await this.#inList(unkeyed);
    if (isUnkeyed !== undefined) return { place: 'waiting', element: isUnkeyed };
    for await (const keys of keysInUse(this.connection, this.keys)) {
      const names = [...keys.keys()];
      const lengths = await laneLengths.run(this.connection, this.keys, {}, names);
      const filled = names.filter((_, at) => (lengths[at] ?? 0) > 0);
      const found = await Promise.all(filled.map((key) => this.#inList(lane(key))));
      const element = found.find((each) => each !== undefined);
      if (element !== undefined) return { place: 'waiting', element };
    }
    const levels = await this.connection.run('look for a message', (client) =>
      client.hkeys(this.keys.levels),
    );
    const leveled = levels
      .filter((field) => LEVEL.test(field))
      .map((field) => level(Number(field)));
    for (const list of [...leveled, waiting, suspects]) {
      const element = await this.#inList(list);
      if (element !== undefined) return { place: 'waiting', element };
    }
    for (const { consumer, key } of await heldLists(this.connection, this.keys)) {
      const element = await this.#inList(key);
      if (element !== undefined) return { place: 'held', element, consumer };
    }
    return undefined;
  }

  #inDelayed(passed: number): Promise<Looked> {
    const { delayed } = this.keys;
    return findDelayed.run(this.connection, { delayed }, { text: this.#text, passed });
  }

  #inList(list: string): Promise<Buffer | undefined> {
    return this.#lookThrough((passed) =>
      findInList.run(this.connection, { list }, { text: this.#text, passed }),
    );
  }

  async #lookThrough(look: Look): Promise<Buffer | undefined> {
    for (let passed = 0; ;) {
      const { seen, isEnd, found } = await look(passed);
      // Another message may have the text in another header field.
      const element = found.find((candidate) => idOf(candidate) === this.id);
      if (element !== undefined || isEnd) return element;
      passed += seen;
    }
  }
}

/**
 * Text that every header with this id contains, however its writer formats JSON: the longest part that nobody escapes.
 */
function plainTextOf(id: string): string {
  const parts = id.match(/[\w.:-]+/g) ?? [];
  if (parts[0] === id) return `"${id}"`;
  return parts.reduce((longest, part) => (part.length > longest.length ? part : longest), '');
}
