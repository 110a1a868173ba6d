import type { Element } from '../core/envelope.js';
import type { Connection } from './connection.js';
import { reply } from './scripts/reply.js';

/** What goes to one caller. It shares one promise: one for each reply would be as much work as the reply. */
interface Replies {
  readonly elements: Element[];
  readonly sent: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** How long replies wait for a caller that does not read: longer than any reconnect, short enough for a caller that died. */
const KEEP_MS = 60_000;

/** Sends the replies of one turn of the event loop together: one call for each caller. */
export class ReplyBatch {
  #byList = new Map<string, Replies>();

  constructor(private readonly connection: Connection) {}

  add(list: string, element: Element): Promise<void> {
    let replies = this.#byList.get(list);
    if (replies === undefined) {
      if (this.#byList.size === 0) process.nextTick(() => this.flush());
      replies = newReplies();
      this.#byList.set(list, replies);
    }
    replies.elements.push(element);
    return replies.sent;
  }

  /** Sends now what was gathered so far. */
  flush(): void {
    if (this.#byList.size === 0) return;
    const byList = this.#byList;
    this.#byList = new Map();
    for (const [list, { elements, resolve, reject }] of byList) {
      const sending = reply.run(this.connection, { replies: list }, { keepMs: KEEP_MS }, elements);
      sending.then(resolve, reject);
    }
  }
}

function newReplies(): Replies {
  let resolve!: () => void;
  let reject!: (error: unknown) => void;
  const sent = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { elements: [], sent, resolve, reject };
}
