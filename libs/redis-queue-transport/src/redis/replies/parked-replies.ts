import { encodeJson } from '../../core/body/json.js';
import { retryUntilStopped } from '../../core/process/until-stopped.js';
import { encodeReply } from '../../core/message/reply.js';
import { nodeRuntime } from '../../core/process/node-runtime.js';
import type { Connection } from '../connection/connection.js';

/** How many bodies are read at once: each may be very large. */
const MOST_AT_ONCE = 4;
/** No reply has a longer front, in bytes. */
const LONGEST_FRONT = 256;
const FRONT = '{"rq":1';
const PARKED = /^\{"rq":1,"parked":"([\w-]+)"(,"re":(\d+)[,}])/;
const NUMBER = /^\{"rq":1,"re":(\d+)[,}]/;
/** The first byte in which the two differ: the first of the name of the field behind the version. */
const FIELD_AT = FRONT.length + ',"'.length;
const LETTER_P = 0x70;

/** What the class needs from the reader of the list. */
interface Surroundings {
  readonly bodies: () => Connection;
  readonly keyOf: (name: string) => string;
  readonly onReply: (element: Buffer) => void;
  readonly onError: (error: unknown) => void;
  readonly stopped: AbortSignal;
}

/**
 * Fetches the bodies of replies that are parked beside the caller's list, over the connection for bodies, while other
 * replies pass. Replies to the same request keep their order.
 */
export class ParkedReplies {
  /** The last reply to each request for which a body is being fetched. */
  readonly #underWay = new Map<number, Promise<void>>();
  #reading = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(private readonly at: Surroundings) {}

  /** Takes an element of the list. */
  deliver(element: Buffer): void {
    const isParked = element[FIELD_AT] === LETTER_P;
    if (!isParked && this.#underWay.size === 0) return this.at.onReply(element);
    const front = element.toString('latin1', 0, LONGEST_FRONT);
    const [, name, , request = NUMBER.exec(front)?.[1]] = PARKED.exec(front) ?? [];
    const before = this.#underWay.get(Number(request));
    if (name === undefined && before === undefined) return this.at.onReply(element);
    this.#deliverInTurn(Number(request), before, () =>
      name === undefined ? Promise.resolve(element) : this.#whole(element, name, Number(request)),
    );
  }

  #deliverInTurn(
    request: number,
    before: Promise<void> | undefined,
    read: () => Promise<Buffer | undefined>,
  ): void {
    const reading = read();
    const delivering = Promise.all([reading, before]).then(([element]) => {
      if (element !== undefined) this.at.onReply(element);
      if (this.#underWay.get(request) === delivering) this.#underWay.delete(request);
    });
    this.#underWay.set(request, delivering);
  }

  /** The reply with its body; undefined if nobody waits for it any more. Never rejects. */
  async #whole(element: Buffer, name: string, request: number): Promise<Buffer | undefined> {
    if (this.#reading >= MOST_AT_ONCE)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#reading += 1;
    const body = await this.#read(this.at.keyOf(name));
    this.#reading -= 1;
    this.#waiting.shift()?.();
    if (body === undefined) return undefined;
    if (body === null) return gone(request);
    const parked = `,"parked":"${name}"`;
    return Buffer.concat([
      Buffer.from(FRONT),
      element.subarray(FRONT.length + parked.length),
      body,
    ]);
  }

  /** Tries again for as long as somebody may wait for it: reading removes nothing. */
  #read(key: string): Promise<Buffer | null | undefined> {
    const { bodies, onError, stopped } = this.at;
    const read = async (): Promise<Buffer | null> => {
      const connection = bodies();
      await connection.ready();
      const body = await connection.run('read a parked reply', (client) => client.getBuffer(key));
      // It would expire by itself, but later.
      connection.run('drop a parked reply', (client) => client.unlink(key)).catch(noop);
      return body;
    };
    return retryUntilStopped(read, stopped, onError, nodeRuntime);
  }
}

const noop = (): void => undefined;

function gone(request: number): Buffer {
  const message =
    'The reply was too large for the list of replies, and its body is gone: it expired after 60 s, or somebody removed it.';
  const body = encodeJson({ status: 'error', message });
  return Buffer.from(encodeReply({ request, kind: 'error', last: true, body }));
}
