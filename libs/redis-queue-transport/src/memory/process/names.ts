import type { Runtime } from '../../core/process/runtime.js';

const BODY_NAME_BYTES = 12;

/** Makes names for what one process adds to the store. */
export class Names {
  #ids = 0;

  constructor(
    /** The process. */
    readonly process: string,
    private readonly runtime: Pick<Runtime, 'randomBytes'>,
  ) {}

  /** An id that nobody else has. */
  newId(): string {
    this.#ids += 1;
    return `${this.process}-${this.#ids}`;
  }

  /** A name for a parked body. It cannot be guessed: a sender must not be able to name the bodies of others. */
  newBodyName(): string {
    return this.runtime.randomBytes(BODY_NAME_BYTES).toString('base64url');
  }
}
