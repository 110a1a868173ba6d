import { createHash } from 'node:crypto';
import type { QueueJob, QueueJobJson } from '@bull-board/api/typings/app';
import { USUAL_PRIORITY } from '../core/message/priority.js';
import type {
  DeadLetterEntry,
  DelayedMessage,
  FoundMessage,
  HeldMessage,
  QueuedMessage,
  RedisQueueAdmin,
} from '../index.js';
import { ActionRefusedError } from './action-refused-error.js';
import { inAddress } from './in-address.js';
import { shownData } from './shown-data.js';

/** A message, and the list that it was found in. */
export type MessageInState =
  | { readonly state: 'waiting' | 'prioritized'; readonly message: QueuedMessage }
  | { readonly state: 'active'; readonly message: HeldMessage }
  | { readonly state: 'delayed'; readonly message: DelayedMessage }
  | { readonly state: 'failed'; readonly message: DeadLetterEntry };

/** The queue of a message, and how it is shown. */
export interface MessagePlace {
  readonly admin: RedisQueueAdmin;
  readonly queue: string;
  /** Whether data, headers and texts of errors are shown. */
  readonly showsPayloads: boolean;
  readonly at: 'list' | 'page';
}

const HIDDEN = 'hidden in read-only mode';

/** A message in the words of bull-board. */
export class BoardMessage implements QueueJob {
  /** For lists and links. Dead letters are known by their entry: a message may have died several times. */
  readonly id: string;
  readonly opts: { readonly delay?: number };
  #state: MessageInState['state'];

  constructor(
    private readonly place: MessagePlace,
    private readonly found: MessageInState,
  ) {
    this.#state = found.state;
    this.id = found.state === 'failed' ? found.message.entry : inAddress(idOrDigest(found.message));
    this.opts = this.#options();
  }

  getState(): Promise<MessageInState['state']> {
    return Promise.resolve(this.#state);
  }

  /** Sends a dead letter again. */
  async retry(): Promise<void> {
    const { found, place } = this;
    if (found.state !== 'failed') throw gone('It is not a dead letter.');
    if (!(await place.admin.redrive(place.queue, found.message.entry)))
      throw gone('The dead letter is no longer there.');
  }

  /** Makes a delayed message due. */
  async promote(): Promise<void> {
    const { found, place } = this;
    const { id } = found.message;
    if (
      found.state !== 'delayed' ||
      id === undefined ||
      !(await place.admin.advance(place.queue, id))
    )
      throw gone('The message is no longer delayed.');
  }

  async remove(): Promise<void> {
    const { found, place } = this;
    const { admin, queue } = place;
    if (found.state === 'failed') {
      if (await admin.deleteDeadLetter(queue, found.message.entry)) return;
      throw gone('The dead letter is no longer there.');
    }
    const { id, element } = found.message;
    const removal = await admin.remove(queue, id ?? element);
    if (removal === 'removed') return;
    // This tells bull-board that the server is not at fault.
    if (removal === 'held') this.#state = 'active';
    throw gone(removal === 'held' ? 'A consumer holds the message.' : 'The message is not there.');
  }

  /** bull-board would report success if there were no such method. */
  updateData(): Promise<void> {
    const advice = 'remove it, and add another one';
    return Promise.reject(
      new ActionRefusedError(`The data of a message cannot be changed: ${advice}.`, 400),
    );
  }

  toJSON(): QueueJobJson {
    const { found, place } = this;
    const { message } = found;
    const { sentAt, attempt } = message;
    const dead = found.state === 'failed' ? found.message : undefined;
    return {
      id: this.id,
      name: message.pattern ?? place.queue,
      progress: 0,
      attemptsMade: attempt,
      timestamp: (sentAt ?? dead?.deadAt)?.getTime() ?? 0,
      // Nobody knows when it began, but without this, bull-board shows the time since 1970.
      ...(dead === undefined
        ? {}
        : { processedOn: dead.deadAt.getTime(), finishedOn: dead.deadAt.getTime() }),
      ...('consumer' in message ? { processedBy: message.consumer } : {}),
      ...(this.opts.delay === undefined ? {} : { delay: this.opts.delay }),
      failedReason: dead === undefined ? '' : this.#failure(dead),
      stacktrace: dead?.error.stack === undefined ? [] : [this.#stack(dead, dead.error.stack)],
      data: place.showsPayloads ? shownData(message, place.at) : HIDDEN,
      returnvalue: null,
      opts: this.opts,
    };
  }

  /** Written so that they can be given to another message unchanged: `about` is for people. */
  #options(): { readonly delay?: number } {
    const { found, place } = this;
    const { message } = found;
    const { id, attempt, crashes, expiresAt, priority } = message;
    const about = {
      ...(id === undefined || id === this.id ? {} : { id }),
      attempt,
      ...(crashes === 0 ? {} : { crashes }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
      ...('consumer' in message ? { consumer: message.consumer } : {}),
      ...('reason' in message ? { reason: message.reason, deadAt: message.deadAt } : {}),
    };
    const delay = found.state === 'delayed' ? delayOf(found.message) : undefined;
    return {
      ...(delay === undefined ? {} : { delay }),
      ...(priority === USUAL_PRIORITY ? {} : { priority }),
      headers: place.showsPayloads ? message.headers : HIDDEN,
      about,
    } as { readonly delay?: number }; // bull-board passes the rest on to the browser
  }

  /** The message of an error may quote data. */
  #failure({ reason, error }: DeadLetterEntry): string {
    const { name, message } = error;
    return this.place.showsPayloads ? `${reason}: ${name}: ${message}` : `${reason}: ${name}`;
  }

  /** bull-board shows it in place of the failure. */
  #stack(letter: DeadLetterEntry, stack: string): string {
    if (this.place.showsPayloads) return `${letter.reason}: ${stack}`;
    const beginning = `${letter.error.name}: ${letter.error.message}`;
    const frames = stack.startsWith(beginning) ? stack.slice(beginning.length) : '';
    return this.#failure(letter) + frames;
  }
}

/** Turns what the admin found into the words of the board. */
export function inState(found: FoundMessage): MessageInState {
  switch (found.place) {
    case 'waiting':
      return {
        state: found.priority === USUAL_PRIORITY ? 'waiting' : 'prioritized',
        message: found,
      };
    case 'delayed':
      return { state: 'delayed', message: found };
    case 'held':
      return { state: 'active', message: found };
  }
}

/** Messages of programs without this library have no id; their bytes tell them apart. */
export function idOrDigest({ id, element }: QueuedMessage): string {
  return id ?? `${DIGEST}${createHash('sha256').update(element).digest('hex').slice(0, 24)}`;
}

export const DIGEST = 'sha256:';

function delayOf({ sentAt, dueAt }: DelayedMessage): number {
  return Math.max(0, dueAt.getTime() - (sentAt?.getTime() ?? 0));
}

function gone(what: string): ActionRefusedError {
  return new ActionRefusedError(`${what} Reload the page.`, 409);
}
