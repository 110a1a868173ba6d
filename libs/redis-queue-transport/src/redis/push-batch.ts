import type { PushTerms } from '../core/broker.js';
import type { Element } from '../core/envelope.js';
import type { SendBudget } from '../core/send-budget.js';
import type { Connection } from './connection.js';
import { failureOfOne } from './failure.js';
import type { QueueKeys } from './keys.js';
import { hold } from './scripts/hold.js';
import { isLarger } from './size.js';
import { TickBatch } from './tick-batch.js';

type Held = 'held' | 'duplicate';

/** A class and no literal, as many live until their answer comes: docs/decisions/0014. */
class Push {
  constructor(
    readonly messageId: string,
    readonly element: Element,
    readonly terms: PushTerms | undefined,
    readonly isParked: boolean,
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
    const isParked = isLarger(element, this.parkAboveBytes);
    return new Promise((resolve, reject) =>
      this.#batch.add(new Push(messageId, element, terms, isParked, resolve, reject)),
    );
  }

  #flush(pushes: readonly Push[]): void {
    let chunk: Push[] = [];
    let bytes = 0;
    for (const push of pushes) {
      const isOther = chunk[0] !== undefined && isPlain(chunk[0]) !== isPlain(push);
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
      const held =
        chunk[0] !== undefined && isPlain(chunk[0])
          ? await this.#append(chunk)
          : await this.#hold(chunk);
      chunk.forEach((push, index) => push.resolve(held?.[index] === false ? 'duplicate' : 'held'));
    } catch (error) {
      for (const push of chunk) push.reject(failureOfOne(error, hold.action, push.messageId));
    }
    for (const { element } of chunk) this.budget.give(element.length);
  }

  async #append(chunk: readonly Push[]): Promise<undefined> {
    const elements = chunk.map((push) => push.element);
    await this.connection.run(hold.action, (client) =>
      client.rpush(this.keys.waiting, ...elements),
    );
  }

  #hold(chunk: readonly Push[]): Promise<readonly boolean[]> {
    const rest = chunk.flatMap(({ messageId, element, terms, isParked }) => [
      element,
      terms?.dueMs ?? 0,
      messageId,
      terms?.deduplicateMs ?? 0,
      isParked ? 1 : 0,
    ]);
    return hold.run(this.connection, this.keys, { wake: this.keys.wake }, rest);
  }
}

function isPlain(push: Push): boolean {
  if (push.isParked) return false;
  return push.terms?.dueMs === undefined && push.terms?.deduplicateMs === undefined;
}
