import { EventIndex } from '../../core/events/event-index.js';
import type { Connection } from '../connection/connection.js';
import { fieldsOf } from '../keys/fields-of.js';
import type { Keys } from '../keys/keys.js';
import { VERSION_FIELD } from '../lua/index-version-lua.js';
import { readChanges } from './read-changes.script.js';

/** So often it reads, should somebody change the index by hand all the time. */
const MOST_TRIES = 10;

/**
 * The index of all wildcards, as a process last read it. A change costs one call that reads what has changed. Only if the
 * known version is not among the last changes (the first time, after a failover, after a long pause) all are read, in parts.
 */
export class Wildcards {
  #index = new EventIndex();
  /** How many fields were read, also such that the index ignores. */
  #fields = new Set<string>();
  #version = '';
  #reading: Promise<void> | undefined;

  constructor(
    private readonly connection: Connection,
    private readonly keys: Keys,
  ) {}

  get version(): string {
    return this.#version;
  }

  get index(): EventIndex {
    return this.#index;
  }

  /** Reads what is new. A call while another one is under way gets that one's result. Rejects like a command. */
  refresh(): Promise<void> {
    this.#reading ??= this.#refresh().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #refresh(): Promise<void> {
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      if (await this.#readChanges()) return;
      await this.#readAll();
    }
  }

  /** Returns false if only reading all of them tells. */
  async #readChanges(): Promise<boolean> {
    const keys = this.keys.wildcards;
    for (;;) {
      const read = await readChanges.run(this.connection, keys, { version: this.#version });
      const { current, size, version, fields } = read;
      if (version === undefined) return current === this.#version && size === this.#fields.size;
      for (const [field, value] of fields) this.#set(field, value);
      this.#version = version;
      // Somebody may have removed fields by hand.
      if (version === current) return size === this.#fields.size;
    }
  }

  /** What changes meanwhile may be read or not: the version that it begins with tells it. */
  async #readAll(): Promise<void> {
    const action = 'read the wildcards';
    const { index } = this.keys.wildcards;
    const connection = this.connection.at(index);
    const version = await connection.run(action, (client) => client.hget(index, VERSION_FIELD));
    const all = new Map<string, string>();
    for await (const fields of fieldsOf(connection, action, index))
      for (const [field, value] of fields) if (field !== VERSION_FIELD) all.set(field, value);
    this.#index = new EventIndex(all);
    this.#fields = new Set(all.keys());
    this.#version = version ?? '';
  }

  #set(field: string, value: string | undefined): void {
    this.#index.set(field, value);
    if (value === undefined) this.#fields.delete(field);
    else this.#fields.add(field);
  }
}
