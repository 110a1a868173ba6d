import type { PushTerms } from '../../core/broker/broker.js';
import { parkedElement } from '../../core/message/envelope.js';
import type { Element } from '../../core/message/envelope.js';
import { keyOf } from '../../core/message/key.js';
import { USUAL_PRIORITY, priorityOf } from '../../core/message/priority.js';
import { QueueFullError, RedisRefusedError } from '../../core/errors/call-errors.js';
import type { SendBudget } from '../../core/requests/send-budget.js';
import { newBodyName } from './body-name.js';
import type { Connection } from '../connection/connection.js';
import { failureOf, failureOfOne, replyError } from '../connection/failure.js';
import { hintOfLong, mayBeTooLong, refusalOfLong } from '../connection/value-bound.js';
import type { QueueKeys } from '../keys/keys.js';
import { hold } from './hold.script.js';
import type { HoldReply, HoldRow } from './hold.script.js';
import { KnownBound } from './known-bound.js';
import { LARGE_BYTES } from '../script/script.js';
import type { Replicas } from './replicas.js';
import { isLarger } from './size.js';
import { TickBatch } from './tick-batch.js';
import { transact } from '../connection/transaction.js';

type Pushed = 'added' | 'duplicate';

/**
 * How a message is added: by one command, unless its queue may have a bound; by a script; or by a transaction of the body
 * and the script.
 */
type Way = 'append' | 'hold' | 'park';

/** A class and not a literal, since many live until their reply arrives: docs/decisions/0014. */
class Push {
  constructor(
    readonly messageId: string,
    readonly element: Element,
    readonly terms: PushTerms | undefined,
    readonly way: Way,
    readonly resolve: (pushed: Pushed) => void,
    readonly reject: (error: Error) => void,
  ) {}
}

/** Bounds of one command, so that none keeps Redis busy for long. */
const MOST_ELEMENTS = 1_000;
const MOST_BYTES = 1_048_576;

/** Most messages that are added by the script, to learn whether a queue without a bound has got one. */
const MOST_ASKING = 16;

/** Where messages and events go. */
export interface PushConnections {
  readonly commands: Connection;
  /** For large messages, so that nothing else waits behind them. */
  readonly bodies: () => Connection;
  /** How long the first large one waits for that connection, and with it all behind it. */
  readonly connectTimeoutMs: number;
  /** What calls resolve with waits until these have it; undefined for not. */
  readonly replicas: Replicas | undefined;
}

/**
 * Adds to one queue; messages of one turn of the event loop are sent together, in the order of the calls. Large ones
 * use a connection of their own. Messages still keep their order: the connection changes only while nothing is in
 * flight, and while the other one is being opened, all wait. If it cannot be opened, the large ones fail and the small
 * ones are sent.
 */
export class PushBatch {
  readonly #batch = new TickBatch<Push>((pushes) => this.#flush(pushes));
  /** Chunks that were sent and have no reply yet. */
  #underWay = 0;
  #isByBodies = false;
  readonly #bound = new KnownBound();
  /** The connection for large ones, once it was open. */
  #bodies: Connection | undefined;
  /** Resolves when the last chunk for that connection may be sent. */
  #prepared: Promise<unknown> = Promise.resolve();
  /**
   * Chunks that wait for those under way, since they use the other connection, and all chunks after them. If none is
   * under way, the first is large and its connection is being opened.
   */
  #behind: (readonly Push[])[] = [];

  constructor(
    private readonly queue: string,
    private readonly connections: PushConnections,
    private readonly keys: QueueKeys,
    /** The bodies of larger elements are parked. */
    private readonly parkAboveBytes: number,
    /** The caller has already reserved room there. */
    private readonly budget: SendBudget,
  ) {}

  push(messageId: string, element: Element, terms?: PushTerms): Promise<Pushed> {
    const way = isLarger(element, this.parkAboveBytes) ? 'park' : wayOf(element, terms);
    return new Promise((resolve, reject) =>
      this.#batch.add(new Push(messageId, element, terms, way, resolve, reject)),
    );
  }

  get isBusy(): boolean {
    return this.#underWay > 0 || this.#behind.length > 0 || !this.#batch.isEmpty;
  }

  #flush(pushes: readonly Push[]): void {
    let chunk: Push[] = [];
    let bytes = 0;
    for (const push of pushes) {
      const isLong = mayBeTooLong(push.element.length);
      const isOther = chunk[0] !== undefined && (chunk[0].way !== push.way || isLong);
      if (isOther || chunk.length === MOST_ELEMENTS || bytes >= MOST_BYTES) {
        this.#goOrWait(chunk);
        chunk = [];
        bytes = 0;
      }
      chunk.push(push);
      // A value that Redis may refuse goes alone.
      bytes += isLong ? MOST_BYTES : push.element.length;
    }
    if (chunk.length > 0) this.#goOrWait(chunk);
  }

  #goOrWait(chunk: readonly Push[]): void {
    if (this.#behind.length === 0 && this.#mayGo(chunk)) {
      void this.#send(chunk);
      return;
    }
    this.#behind.push(chunk);
    if (this.#behind.length === 1 && this.#underWay === 0) void this.#openBodies();
  }

  /** Small messages use the connection of large ones that are being sent. */
  #mayGo(chunk: readonly Push[]): boolean {
    const isLarge = isOfLarge(chunk);
    if (this.#underWay === 0) this.#isByBodies = isLarge;
    return this.#isByBodies ? this.#bodies?.isReady === true : !isLarge;
  }

  /** Opens the connection for large ones, for all that wait behind the first of them. Never rejects. */
  async #openBodies(): Promise<void> {
    try {
      const bodies = this.connections.bodies();
      await bodies.ready(this.connections.connectTimeoutMs);
      this.#bodies = bodies;
    } catch (error) {
      const behind = this.#behind;
      this.#behind = behind.filter((chunk) => !isOfLarge(chunk));
      for (const chunk of behind) if (isOfLarge(chunk)) this.#fail(chunk, error);
    }
    this.#sendThoseBehind();
  }

  #sendThoseBehind(): void {
    for (
      let next = this.#behind[0];
      next !== undefined && this.#mayGo(next);
      next = this.#behind[0]
    ) {
      this.#behind.shift();
      void this.#send(next);
    }
    if (this.#behind.length > 0 && this.#underWay === 0) void this.#openBodies();
  }

  /** Never rejects: each push of the chunk has its own promise. */
  async #send(chunk: readonly Push[]): Promise<void> {
    this.#underWay += 1;
    try {
      const bodies = this.#isByBodies ? this.#bodies : undefined;
      const held = await (bodies === undefined
        ? this.#sendOn(this.connections.commands, chunk)
        : this.#sendByBodies(bodies, chunk));
      this.#giveBack(chunk);
      this.#settle(chunk, held, bodies ?? this.connections.commands);
    } catch (error) {
      this.#fail(chunk, error);
    }
    this.#underWay -= 1;
    if (this.#underWay === 0 && this.#behind.length > 0) this.#sendThoseBehind();
  }

  #settle(chunk: readonly Push[], held: HoldReply | undefined, connection: Connection): void {
    if (held === undefined) {
      for (const push of chunk) this.#resolve(push, 'added', connection);
      return;
    }
    const { messages, length, maxLength = length } = held;
    chunk.forEach((push, index) => {
      const { messageId, reject } = push;
      const pushed = messages[index] ?? 'added'; // there is one for each
      if (typeof pushed === 'object')
        reject(failureOf(replyError(pushed.error), hold.action, messageId));
      else if (pushed === 'full') reject(new QueueFullError(this.queue, length, maxLength));
      else this.#resolve(push, pushed, connection);
    });
  }

  #resolve(push: Push, pushed: Pushed, connection: Connection): void {
    const { replicas } = this.connections;
    if (replicas === undefined || push.terms?.isRequest === true) return push.resolve(pushed);
    void replicas.missing(connection, push.messageId).then((missing) => {
      if (missing === undefined) push.resolve(pushed);
      else push.reject(missing);
    });
  }

  #fail(chunk: readonly Push[], error: unknown): void {
    for (const { messageId, element, reject } of chunk)
      reject(failureOfOne(error, hold.action, messageId, hintOfLong(element)));
    this.#giveBack(chunk);
  }

  #giveBack(chunk: readonly Push[]): void {
    for (const { element } of chunk) this.budget.give(element.length);
  }

  async #sendByBodies(bodies: Connection, chunk: readonly Push[]): Promise<HoldReply | undefined> {
    // One after the other: while Redis is asked about one chunk, the next must not overtake it.
    const prepared = this.#prepared.then(() => prepare(bodies, chunk));
    this.#prepared = prepared.catch(noop);
    await prepared;
    return this.#sendOn(bodies, chunk);
  }

  async #sendOn(connection: Connection, chunk: readonly Push[]): Promise<HoldReply | undefined> {
    const way = chunk[0]?.way;
    if (way === 'append' && this.#mayAppend(connection, chunk))
      return this.#append(connection, chunk);
    return this.#learn(
      way === 'park' ? this.#park(connection, chunk) : this.#hold(connection, chunk),
    );
  }

  /** Notes what the reply says of the bound. */
  async #learn(holding: Promise<HoldReply>): Promise<HoldReply> {
    try {
      const held = await holding;
      this.#bound.learn(held);
      return held;
    } catch (error) {
      this.#bound.forget();
      throw error;
    }
  }

  async #append(connection: Connection, chunk: readonly Push[]): Promise<undefined> {
    const elements = chunk.map((push) => push.element);
    await connection.run(hold.action, (client) => client.rpush(this.keys.waiting, ...elements));
  }

  /**
   * Whether to add them by a plain command. The script looks at the bound, but should not copy large elements. Nor should it
   * add many only to find that the queue still has no bound: while it does, consumers wait.
   */
  #mayAppend(connection: Connection, chunk: readonly Push[]): boolean {
    if (this.#bound.isNone()) return true;
    if (this.#bound.isThere) return false;
    const isTooMuch = this.#bound.wasNone && chunk.length > MOST_ASKING;
    if (!isTooMuch && !chunk.some(isLargeElement)) return false;
    // Asks beside them.
    this.#learn(this.#hold(connection, [])).catch(noop);
    return true;
  }

  /** Adds messages if the bound leaves room for them. */
  #hold(connection: Connection, chunk: readonly Push[]): Promise<HoldReply> {
    const { wake } = this.keys;
    const rows = chunk.map((push) => rowOf(push, push.element, ''));
    return hold.run(connection, this.keys, { wake }, rows);
  }

  /** Large bodies bypass scripts, which would keep Redis busy copying them. */
  async #park(connection: Connection, chunk: readonly Push[]): Promise<HoldReply> {
    const { wake, parked } = this.keys;
    const names = chunk.map(newBodyName);
    const rows: HoldRow[] = [];
    const bodies = chunk.map((push, index) => {
      const name = names[index] ?? ''; // each has one
      const { element, body } = parkedElement(push.element, name);
      rows.push(rowOf(push, element, name));
      return { name, body };
    });
    try {
      const reply = await connection.run(hold.action, (redis) =>
        transact(redis, (client) => [
          ...bodies.map(({ name, body }) => client.hsetnx(parked, name, body)),
          hold.send(client, this.keys, { wake }, rows),
        ]),
      );
      return hold.read(reply);
    } catch (error) {
      if (error instanceof RedisRefusedError) this.#dropBodies(connection, names);
      throw error;
    }
  }

  /** Drops the bodies of refused messages. The caller gets the refusal; a body that stays belongs to nobody. */
  #dropBodies(connection: Connection, names: readonly string[]): void {
    const { parked } = this.keys;
    connection.run('drop a body', (client) => client.hdel(parked, ...names)).catch(noop);
  }
}

const noop = (): void => undefined;

/** @throws RedisRefusedError for a value that Redis would refuse */
async function prepare(bodies: Connection, [first]: readonly Push[]): Promise<void> {
  if (first === undefined || !mayBeTooLong(first.element.length)) return;
  const refusal = await refusalOfLong(bodies, first.element, hold.action);
  if (refusal !== undefined) throw refusal;
}

/** Whether the chunk is large: a chunk has only messages of one kind. */
function isOfLarge([first]: readonly Push[]): boolean {
  return first !== undefined && (first.way === 'park' || mayBeTooLong(first.element.length));
}

function isLargeElement({ element }: Push): boolean {
  return isLarger(element, LARGE_BYTES);
}

function wayOf(element: Element, terms: PushTerms | undefined): Way {
  const isPlain = terms?.dueMs === undefined && terms?.deduplicateMs === undefined;
  return isPlain && keyOf(element) === undefined && priorityOf(element) === USUAL_PRIORITY
    ? 'append'
    : 'hold';
}

function rowOf({ messageId, terms }: Push, element: Element, name: string): HoldRow {
  const { dueMs = 0, deduplicateMs = 0 } = terms ?? {};
  return { element, dueMs, id: messageId, windowMs: deduplicateMs, name };
}
