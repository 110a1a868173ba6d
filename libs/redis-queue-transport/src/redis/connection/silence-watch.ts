import type { Socket } from 'node:net';
import type { Redis } from 'ioredis';

/** How many times it checks within the deadline. A silence may last one such part longer. */
const PARTS = 8;

/** What Node knows about a socket's output, without a public name. */
interface Handle {
  /** Bytes that were written to the socket. */
  readonly bytesWritten?: number;
  /** Bytes that the system has not accepted yet. */
  readonly writeQueueSize?: number;
  /** For TLS: the underlying connection. */
  readonly _parent?: Handle | null;
}

/**
 * Drops a socket on which nothing moves for `deadlineMs` while a reply is due. Movement in either direction counts as
 * life, so a large message may take its time over a slow network. Bytes that the system accepts into free buffers prove
 * nothing; bytes that it accepts after its buffers were full prove that the other side reads. Buffered bytes leave unseen,
 * so they get as much time again as the visible part took.
 *
 * It counts its own checks, not time: if this process was frozen, the silence was not Redis's.
 */
export class SilenceWatch {
  readonly #partMs: number;

  constructor(
    private readonly client: Redis,
    private readonly deadlineMs: number,
  ) {
    this.#partMs = deadlineMs / PARTS;
    client.on('connect', () => this.#watch(client.stream));
  }

  #watch(socket: Socket): void {
    let last = progressOf(socket);
    let wasDue = false;
    let silentParts = 0;
    let sendingParts = 0;
    const looks = setInterval(() => {
      const now = progressOf(socket);
      const hasRead = now.read > last.read;
      const hasSent = last.queued > 0 && now.accepted > last.accepted;
      const isDue = this.client.commandQueue.length > 0;
      sendingParts = hasRead || !isDue ? 0 : sendingParts + (hasSent ? 1 : 0);
      silentParts = isDue && wasDue && !hasRead && !hasSent ? silentParts + 1 : 0;
      last = now;
      wasDue = isDue;
      if (silentParts >= PARTS + sendingParts) socket.destroy(new Error(this.#silence()));
    }, this.#partMs);
    // The socket itself keeps the process alive.
    looks.unref();
    socket.once('close', () => clearInterval(looks));
  }

  #silence(): string {
    return `Redis has not replied for ${this.deadlineMs} ms, and nothing has moved on the connection`;
  }
}

/** In bytes. */
function progressOf(socket: Socket): { read: number; accepted: number; queued: number } {
  const own = Reflect.get(socket, '_handle') as Handle | null | undefined; // see Handle
  const { bytesWritten = 0, writeQueueSize = 0 } = own?._parent ?? own ?? {};
  return {
    read: socket.bytesRead,
    accepted: bytesWritten - writeQueueSize,
    queued: writeQueueSize,
  };
}
