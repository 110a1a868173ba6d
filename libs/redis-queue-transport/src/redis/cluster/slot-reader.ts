import type { Redis } from 'ioredis';
import type { ClusterPlace, NodeAddress } from '../connection/source.js';
import { readSlots, textOf } from './slot-map.js';
import type { SlotRange } from './slot-map.js';

/** How long a node may take to be reached, and to reply. */
const REPLY_WITHIN_MS = 1_000;

/** Asks nodes which slots they know of, on a connection of its own that stays with a node as long as it replies. */
export class SlotReader {
  #at: { readonly address: NodeAddress; readonly client: Redis } | undefined;
  /** Is asked last. */
  #left: NodeAddress | undefined;
  #isStopped = false;

  constructor(
    private readonly place: ClusterPlace,
    private readonly connectionName: string,
  ) {}

  /**
   * Asks the one that replied last, then these, until one replies.
   *
   * @throws the error of the last one
   */
  async read(
    addresses: readonly NodeAddress[],
    first?: NodeAddress,
  ): Promise<readonly SlotRange[]> {
    let failure: unknown;
    for (const address of inOrder(first, this.#at?.address, addresses, this.#left)) {
      if (this.#isStopped) break;
      try {
        return await this.#ask(address);
      } catch (error) {
        failure = error;
      }
    }
    throw failure instanceof Error ? failure : new Error('nobody was asked');
  }

  /** Another one is to be asked next. */
  leave(): void {
    this.#left = this.#at?.address ?? this.#left;
    this.#drop();
  }

  stop(): void {
    this.#isStopped = true;
    this.#drop();
  }

  async #ask(address: NodeAddress): Promise<readonly SlotRange[]> {
    if (this.#at === undefined || textOf(this.#at.address) !== textOf(address))
      await this.#open(address);
    const client = this.#at?.client;
    if (client === undefined) throw new Error('it was closed');
    try {
      const ranges = readSlots(await client.cluster('SLOTS'), address, this.place.natMap);
      if (ranges.length === 0) throw new Error('CLUSTERDOWN no node has any slots yet');
      return ranges;
    } catch (error) {
      this.#drop();
      throw error;
    }
  }

  async #open(address: NodeAddress): Promise<void> {
    this.#drop();
    let reason: Error | undefined;
    const client = this.place.open({
      ...address,
      lazyConnect: true,
      connectionName: this.connectionName,
      connectTimeout: REPLY_WITHIN_MS,
      commandTimeout: REPLY_WITHIN_MS,
      disconnectTimeout: 100,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      replyMapping: 'legacy',
      retryStrategy: () => null,
    });
    client.on('error', (error: Error) => (reason = error));
    client.once('close', () => {
      if (this.#at?.client === client) this.#at = undefined;
    });
    this.#at = { address, client };
    try {
      await client.connect();
    } catch (error) {
      this.#drop();
      throw reason ?? error;
    }
  }

  #drop(): void {
    this.#at?.client.disconnect();
    this.#at = undefined;
  }
}

/** Each once. */
function inOrder(
  first: NodeAddress | undefined,
  last: NodeAddress | undefined,
  others: readonly NodeAddress[],
  left: NodeAddress | undefined,
): readonly NodeAddress[] {
  const all = [first, last, ...others].flatMap((address) => address ?? []);
  const each = new Map(all.map((address) => [textOf(address), address]));
  if (left !== undefined && each.delete(textOf(left))) each.set(textOf(left), left);
  return [...each.values()];
}
