import { repeatUntilStopped } from '../../core/process/until-stopped.js';
import type { Surroundings } from '../process/surroundings.js';
import type { StoredReplies } from '../store/stored-replies.js';

/** How long, in ms, one call blocks while no reply arrives. */
const INBOX_WAIT_MS = 5_000;
const MOST_REPLIES = 500;

/** Reads one process's reply list. Replies that are lost with the link are gone; the callers' deadlines end those requests. */
export class ReplyInbox {
  readonly #stopped = new AbortController();

  constructor(
    private readonly at: Surroundings,
    private readonly replies: StoredReplies,
    private readonly onReply: (element: Buffer) => void,
  ) {}

  start(): void {
    const { events, options } = this.at;
    void repeatUntilStopped(
      () => this.#read(),
      this.#stopped.signal,
      (error) => events.error(error),
      options.runtime,
    );
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #read(): Promise<void> {
    const { connect, contact, options, store } = this.at;
    const { list } = this.replies;
    await connect();
    const read = await contact.block<readonly Buffer[]>(
      'read replies',
      (answer) => {
        this.replies.forgetEnded(store.clock.nowMs());
        const take = (): readonly Buffer[] => takeSome(this.replies);
        return list.blockingTake(store.clock, INBOX_WAIT_MS, take, answer);
      },
      this.#stopped.signal,
    );
    for (const element of read ?? []) this.onReply(element);
    // First, callers get the turn to send their next request.
    await new Promise<void>((resolve) => options.runtime.setImmediate(resolve));
  }
}

function takeSome({ list }: StoredReplies): readonly Buffer[] {
  const taken: Buffer[] = [];
  while (taken.length < MOST_REPLIES) {
    const element = list.shift();
    if (element === undefined) break;
    taken.push(element);
  }
  return taken;
}
