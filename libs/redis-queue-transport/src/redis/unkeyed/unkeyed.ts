import type { ReadKey, UnkeyedPart } from '../../core/broker/lease.js';
import { giveKey } from '../../core/message/given-key.js';
import type { Connection } from '../connection/connection.js';
import type { QueueKeys } from '../keys/keys.js';
import { passUnkeyed } from './pass-unkeyed.script.js';
import { readUnkeyed } from './read-unkeyed.script.js';
import type { ReadKeyRow } from './read-unkeyed.script.js';

/** Enough of an element to tell it from others: its id and its time, and most of its data. */
const BEGINNING_BYTES = 512;

/** What waits for its key, as one consumer sees it. */
export class Unkeyed {
  constructor(
    private readonly consumer: string,
    private readonly at: {
      readonly commands: Connection;
      readonly keys: QueueKeys;
      readonly newId: () => string;
    },
  ) {}

  async read(
    read: readonly ReadKey[],
    most: number,
  ): Promise<UnkeyedPart | 'others' | 'leaseLost'> {
    const { commands, keys, newId } = this.at;
    await commands.ready();
    const rows = read.map((one) => rowOf(one, newId));
    const args = { consumer: this.consumer, most, wake: keys.wake };
    return readUnkeyed.run(commands, keys, args, rows);
  }

  async pass(): Promise<'done' | 'more' | 'leaseLost'> {
    const { commands, keys } = this.at;
    await commands.ready();
    return passUnkeyed.run(commands, keys, { consumer: this.consumer, wake: keys.wake });
  }
}

function rowOf({ element, key }: ReadKey, newId: () => string): ReadKeyRow {
  const given = key === undefined ? undefined : giveKey(element, key, newId);
  return {
    beginning: element.subarray(0, BEGINNING_BYTES),
    length: element.length,
    front: given?.front ?? '',
    from: given?.from ?? 0,
  };
}
