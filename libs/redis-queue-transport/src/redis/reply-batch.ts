import type { Element } from '../core/envelope.js';
import type { Connection } from './connection.js';
import { reply } from './scripts/reply.js';
import { TickBatch } from './tick-batch.js';

interface OutgoingReply {
  readonly list: string;
  readonly element: Element;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** How long replies wait for a caller that does not read: longer than any reconnect, short enough for a caller that died. */
const KEEP_MS = 60_000;

/** Sends the replies of one turn of the event loop together: one call for each caller. */
export class ReplyBatch {
  readonly #batch = new TickBatch<OutgoingReply>((replies) => this.#flush(replies));

  constructor(private readonly connection: Connection) {}

  add(list: string, element: Element): Promise<void> {
    return new Promise((resolve, reject) => this.#batch.add({ list, element, resolve, reject }));
  }

  flush(): void {
    this.#batch.flush();
  }

  #flush(replies: readonly OutgoingReply[]): void {
    const byList = new Map<string, OutgoingReply[]>();
    for (const outgoing of replies) {
      const ofList = byList.get(outgoing.list);
      if (ofList === undefined) byList.set(outgoing.list, [outgoing]);
      else ofList.push(outgoing);
    }
    for (const [list, ofList] of byList) void this.#send(list, ofList);
  }

  /** Never rejects: each reply has its own promise. */
  async #send(list: string, replies: readonly OutgoingReply[]): Promise<void> {
    const elements = replies.map((outgoing) => outgoing.element);
    try {
      await reply.run(this.connection, { replies: list }, { keepMs: KEEP_MS }, elements);
      for (const outgoing of replies) outgoing.resolve();
    } catch (error) {
      for (const outgoing of replies) outgoing.reject(error);
    }
  }
}
