import type { Socket } from 'node:net';
import type { Redis } from 'ioredis';

/** How often it looks within the deadline: a silence may last a part longer. */
const PARTS = 8;

/** What Node knows of a socket's way out, and tells nobody by a public name. */
interface Handle {
  /** Bytes that were given to it. */
  readonly bytesWritten?: number;
  /** Those of them that the system has not taken. */
  readonly writeQueueSize?: number;
  /** Of TLS: that of the connection below. */
  readonly _parent?: Handle | null;
}

/**
 * Drops a socket on which nothing moves for `deadlineMs` while an answer is due. What moves in either direction counts as
 * life, so that a large message takes the time over a slow network that it takes. That the system accepts bytes says
 * nothing, as it has room for some; that it goes on accepting when it had none left means that the other side reads. What
 * it had room for leaves unseen: for that there is as much time again as the part took that was seen.
 *
 * It counts its own looks and not the time: of a process that stood still the silence is not Redis's.
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
    // The socket keeps the process alive, as long as it should.
    looks.unref();
    socket.once('close', () => clearInterval(looks));
  }

  #silence(): string {
    return `Redis has answered nothing for ${this.deadlineMs} ms, and nothing has moved on the connection`;
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
