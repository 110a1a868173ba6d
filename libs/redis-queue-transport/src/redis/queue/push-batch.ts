import type { PushTerms } from '../../core/broker/broker.js';
import { parkedElement } from '../../core/message/envelope.js';
import type { Element } from '../../core/message/envelope.js';
import { RedisRefusedError } from '../../core/errors/errors.js';
import type { SendBudget } from '../../core/requests/send-budget.js';
import { newBodyName } from './body-name.js';
import type { Connection } from '../connection/connection.js';
import { failureOfOne } from '../connection/failure.js';
import type { QueueKeys } from '../keys/keys.js';
import type { ScriptArgument } from '../script/script.js';
import { hold } from './hold.script.js';
import { isLarger } from './size.js';
import { TickBatch } from './tick-batch.js';
import { transact } from '../connection/transaction.js';

type Held = 'held' | 'duplicate';

/** How a push is made: by one command, by a script, or by a transaction of the body and the script. */
type Way = 'append' | 'hold' | 'park';

/** A class and no literal, as many live until their answer comes: docs/decisions/0014. */
class Push {
  constructor(
    readonly messageId: string,
    readonly element: Element,
    readonly terms: PushTerms | undefined,
    readonly way: Way,
    readonly resolve: (held: Held) => void,
    readonly reject: (error: Error) => void,
  ) {}
}

/** Bounds of one command, so that no single one keeps Redis busy for long. */
const MOST_ELEMENTS = 1_000;
const MOST_BYTES = 1_048_576;

/** Adds to one queue; what is pushed in one turn of the event loop travels together, in the order of the calls. */
export class PushBatch {
  readonly #batch = new TickBatch<Push>((pushes) => this.#flush(pushes));

  constructor(
    private readonly connection: Connection,
    private readonly keys: QueueKeys,
    /** Larger elements leave their body beside the list. */
    private readonly parkAboveBytes: number,
    /** The caller has taken room there for what is pushed. */
    private readonly budget: SendBudget,
  ) {}

  push(messageId: string, element: Element, terms?: PushTerms): Promise<Held> {
    const way = isLarger(element, this.parkAboveBytes) ? 'park' : wayOf(terms);
    return new Promise((resolve, reject) =>
      this.#batch.add(new Push(messageId, element, terms, way, resolve, reject)),
    );
  }

  #flush(pushes: readonly Push[]): void {
    let chunk: Push[] = [];
    let bytes = 0;
    for (const push of pushes) {
      const isOther = chunk[0] !== undefined && chunk[0].way !== push.way;
      if (isOther || chunk.length === MOST_ELEMENTS || bytes >= MOST_BYTES) {
        void this.#send(chunk);
        chunk = [];
        bytes = 0;
      }
      chunk.push(push);
      bytes += push.element.length;
    }
    if (chunk.length > 0) void this.#send(chunk);
  }

  /** Never rejects: each push of the chunk has its own promise. */
  async #send(chunk: readonly Push[]): Promise<void> {
    try {
      const held = await this.#sendBy(chunk[0]?.way, chunk);
      chunk.forEach((push, index) => push.resolve(held?.[index] === false ? 'duplicate' : 'held'));
    } catch (error) {
      for (const push of chunk) push.reject(failureOfOne(error, hold.action, push.messageId));
    }
    for (const { element } of chunk) this.budget.give(element.length);
  }

  #sendBy(way: Way | undefined, chunk: readonly Push[]): Promise<readonly boolean[] | undefined> {
    if (way === 'append') return this.#append(chunk);
    if (way === 'park') return this.#park(chunk);
    const { wake } = this.keys;
    const rest = chunk.flatMap((push) => argumentsOf(push, push.element, ''));
    return hold.run(this.connection, this.keys, { wake }, rest);
  }

  async #append(chunk: readonly Push[]): Promise<undefined> {
    const elements = chunk.map((push) => push.element);
    await this.connection.run(hold.action, (client) =>
      client.rpush(this.keys.waiting, ...elements),
    );
  }

  /** Large bodies pass through no script, which would keep Redis busy with copying them. */
  async #park(chunk: readonly Push[]): Promise<readonly boolean[]> {
    const { wake, parked } = this.keys;
    const names = chunk.map(newBodyName);
    const rest: ScriptArgument[] = [];
    const bodies = chunk.map((push, index) => {
      const name = names[index] ?? ''; // each has one
      const { element, body } = parkedElement(push.element, name);
      rest.push(...argumentsOf(push, element, name));
      return { name, body };
    });
    try {
      const reply = await this.connection.run(hold.action, (redis) =>
        transact(redis, (client) => [
          ...bodies.map(({ name, body }) => client.hsetnx(parked, name, body)),
          hold.send(client, this.keys, { wake }, rest),
        ]),
      );
      return hold.read(reply);
    } catch (error) {
      if (error instanceof RedisRefusedError) this.#dropBodies(names);
      throw error;
    }
  }

  /** Of messages that were refused. That they are refused is what is told; a body that stays all the same is nobody's. */
  #dropBodies(names: readonly string[]): void {
    const { parked } = this.keys;
    this.connection.run('drop a body', (client) => client.hdel(parked, ...names)).catch(noop);
  }
}

const noop = (): void => undefined;

function wayOf(terms: PushTerms | undefined): Way {
  return terms?.dueMs === undefined && terms?.deduplicateMs === undefined ? 'append' : 'hold';
}

function argumentsOf(push: Push, element: Element, bodyName: string): ScriptArgument[] {
  const { messageId, terms } = push;
  return [element, terms?.dueMs ?? 0, messageId, terms?.deduplicateMs ?? 0, bodyName];
}
