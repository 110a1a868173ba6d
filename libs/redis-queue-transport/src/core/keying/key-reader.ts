import type { ReadKey, UnkeyedPart } from '../broker/lease.js';
import type { Tenure } from '../lease/tenure.js';
import { decodeElement } from '../message/envelope.js';
import type { Envelope } from '../message/envelope.js';
import { GrowingPause } from '../process/pause.js';
import type { Runtime } from '../process/runtime.js';

/** Tells the key of a message from its data; undefined for none. Throws or rejects if it cannot. */
export type KeyOfData = (envelope: Envelope) => string | undefined | Promise<string | undefined>;

/** The consumer whose messages get keys. */
export interface KeyReaderOwner {
  /** Its lease, if it has one. */
  readonly tenure: Tenure | undefined;
  /** It takes messages. Otherwise it leaves reading to others. */
  readonly isConsuming: boolean;
  /** Fires at its end. */
  readonly stopped: AbortSignal;
  failed(error: unknown): void;
}

/** Most messages that are read at once. */
const MOST_READ = 250;

/**
 * Reads the keys of messages that wait for them, in the order in which Redis got them. One consumer of the queue does so at
 * a time. Nothing is moved before its key is known, and it is moved only if it still is where it was read: so a process
 * that dies while it reads, and two that read the same, change nothing.
 *
 * Without a function that tells keys, it lets messages go on without them, as long as no other consumer has one.
 */
export class KeyReader {
  #isReader = false;
  #isRunning = false;
  #mustLook = false;

  constructor(
    private readonly keyOf: KeyOfData | undefined,
    /** A message that was being read when so many processes died goes on without a key. */
    private readonly maxCrashes: number,
    private readonly owner: KeyReaderOwner,
    private readonly runtime: Runtime,
  ) {}

  /** Messages may wait for their keys. */
  look(): void {
    this.#mustLook = true;
    if (!this.#isRunning) void this.#run();
  }

  /** News may have been missed. */
  lookAgain(): void {
    if (this.#isReader) this.look();
  }

  /** The consumer takes nothing more: another one is to read. */
  giveUp(): void {
    this.lookAgain();
  }

  /** The lease is lost, and reading with it. */
  forget(): void {
    this.#isReader = false;
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { stopped } = this.owner;
    const between = new GrowingPause(this.runtime);
    this.#isRunning = true;
    while (this.#mustLook && !stopped.aborted) {
      this.#mustLook = false;
      try {
        await this.#lookOnce();
        between.reset();
      } catch (error) {
        if (stopped.aborted) break;
        this.owner.failed(error);
        this.#mustLook = true;
        await between.wait(stopped);
      }
    }
    this.#isRunning = false;
  }

  async #lookOnce(): Promise<void> {
    const { tenure } = this.owner;
    if (tenure === undefined) return;
    if (this.keyOf !== undefined) return this.#read(tenure, this.keyOf);
    while (this.owner.isConsuming && (await tenure.lease.passUnkeyed()) === 'more');
  }

  async #read(tenure: Tenure, keyOf: KeyOfData): Promise<void> {
    let read: readonly ReadKey[] = [];
    for (;;) {
      const most = this.owner.isConsuming ? MOST_READ : 0;
      if (most === 0 && !this.#isReader) return;
      const part = await tenure.lease.readUnkeyed(read, most);
      this.#isReader = typeof part === 'object' && most > 0 && !tenure.isOver;
      if (typeof part !== 'object' || part.elements.length === 0 || tenure.isOver) return;
      read = await this.#keysOf(part, tenure, keyOf);
    }
  }

  async #keysOf(
    { elements, crashes }: UnkeyedPart,
    tenure: Tenure,
    keyOf: KeyOfData,
  ): Promise<readonly ReadKey[]> {
    const read: ReadKey[] = [];
    for (const [index, element] of elements.entries()) {
      const isDeadly = index === 0 && crashes >= this.maxCrashes;
      const key = isDeadly ? undefined : keyIn(element, tenure, keyOf);
      read.push({ element, key: key instanceof Promise ? await key : key });
      if (tenure.isOver || this.owner.stopped.aborted) break;
    }
    return read;
  }
}

type Told = string | undefined | Promise<string | undefined>;

/**
 * Undefined if no key can be told. Such a message goes on without one: whatever is wrong with it becomes known where it is
 * handled, and its dead letter says so. Rejects only if its parked body cannot be fetched now.
 */
function keyIn(element: Buffer, { lease }: Tenure, keyOf: KeyOfData): Told {
  let envelope: Envelope;
  try {
    envelope = decodeElement(element);
  } catch {
    return undefined;
  }
  const { key, parked } = envelope;
  if (key !== undefined) return undefined;
  if (parked === undefined) return told(keyOf, envelope);
  return lease
    .parkedBody(parked)
    .then((body) => (Buffer.isBuffer(body) ? told(keyOf, { ...envelope, body }) : undefined));
}

function told(keyOf: KeyOfData, envelope: Envelope): Told {
  try {
    const key = keyOf(envelope);
    return key instanceof Promise ? key.catch(() => undefined) : key;
  } catch {
    return undefined;
  }
}
