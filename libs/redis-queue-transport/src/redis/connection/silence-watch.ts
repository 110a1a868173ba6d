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
 * It counts its own checks, not time: if this process was frozen, the silence was not Redis's. An idle connection is not
 * checked, so that it does not wake the process.
 */
export class SilenceWatch {
  readonly #partMs: number;
  #checks: NodeJS.Timeout | undefined;
  #last: Progress = { read: 0, accepted: 0, queued: 0 };
  #silentParts = 0;
  #sendingParts = 0;

  constructor(
    private readonly client: Redis,
    private readonly deadlineMs: number,
  ) {
    this.#partMs = deadlineMs / PARTS;
    client.on('connect', () => {
      const { stream } = client;
      stream.once('close', () => {
        if (client.stream === stream) this.#end();
      });
      this.#end();
      this.#begin();
    });
    const send = client.sendCommand.bind(client);
    client.sendCommand = (command, stream) => {
      if (this.#checks === undefined) this.#begin();
      return send(command, stream);
    };
  }

  #begin(): void {
    const socket = this.client.stream as Socket | undefined; // undefined before the first connection
    if (socket === undefined || socket.destroyed) return;
    this.#silentParts = 0;
    this.#sendingParts = 0;
    this.#last = progressOf(socket);
    this.#checks = setInterval(() => this.#check(socket), this.#partMs);
    // The socket itself keeps the process alive.
    this.#checks.unref();
  }

  #end(): void {
    clearInterval(this.#checks);
    this.#checks = undefined;
  }

  #check(socket: Socket): void {
    if (this.client.commandQueue.length === 0) return this.#end();
    const last = this.#last;
    const now = progressOf(socket);
    this.#last = now;
    const hasRead = now.read > last.read;
    const hasSent = last.queued > 0 && now.accepted > last.accepted;
    this.#sendingParts = hasRead ? 0 : this.#sendingParts + (hasSent ? 1 : 0);
    this.#silentParts = hasRead || hasSent ? 0 : this.#silentParts + 1;
    if (this.#silentParts >= PARTS + this.#sendingParts) socket.destroy(new Error(this.#silence()));
  }

  #silence(): string {
    return `Redis has not replied for ${this.deadlineMs} ms, and nothing has moved on the connection`;
  }
}

/** In bytes. */
interface Progress {
  readonly read: number;
  readonly accepted: number;
  readonly queued: number;
}

function progressOf(socket: Socket): Progress {
  const own = Reflect.get(socket, '_handle') as Handle | null | undefined; // see Handle
  const { bytesWritten = 0, writeQueueSize = 0 } = own?._parent ?? own ?? {};
  return {
    read: socket.bytesRead,
    accepted: bytesWritten - writeQueueSize,
    queued: writeQueueSize,
  };
}
