import type { Unblock } from '../store/stored-list.js';

/** Something that is done at the store in one go. May throw, which refuses the call. */
export type Command<T> = () => T;

/**
 * Something that waits at the store: calls `answer` once, at once or later. Returns what ends it; it then answers too,
 * with nothing.
 */
export type BlockingCommand<T> = (answer: (value: T | undefined) => void) => Unblock;

/** Begins to listen at the store, which calls `tell` from then on with all that is news. Returns what ends it. */
export type Subscription<News> = (tell: (news: News) => void) => () => void;

/**
 * The way between one process and the store: how commands get there, and how answers come back. It knows nothing of
 * what they mean. The default ({@link DirectLink}) never fails; a simulation has one that delays, loses and cuts.
 *
 * What a link may do to a call:
 *
 * - **execute** its command later, but those of `call` in the order of the calls: they share a connection;
 * - **answer** later, in a later turn of the event loop than the call, and in order as well;
 * - **lose the request**: never execute it, and reject with `RedisUnavailableError` if it was not sent, with
 *   `OutcomeUnknownError` if nobody can know that;
 * - **lose the answer**: execute it, and reject with `OutcomeUnknownError`;
 * - **execute it late**: reject with `OutcomeUnknownError`, and execute it whenever it likes, even after the process is
 *   gone;
 * - **refuse** a call, without executing it: reject with `RedisRefusedError`;
 * - **be cut**: reject all that is under way in one of these ways, and what is called meanwhile with
 *   `RedisUnavailableError`, at once or after the time for which a caller waits for a connection.
 *
 * It executes no command twice, and each call ends: no call hangs. Rejections are `RedisUnavailableError`,
 * `OutcomeUnknownError`, `RedisRefusedError`, and what the command itself threw.
 */
export interface Link {
  /**
   * What calls go through: something else after it was cut and restored. The store may then be one that has missed the last
   * commands, as after a failover.
   */
  readonly connection: unknown;

  /** Resolves when calls can be made. @throws RedisUnavailableError after so many ms */
  ready(withinMs: number): Promise<void>;

  /** @param action what the command does, for messages to people: "Cannot …" */
  call<T>(action: string, command: Command<T>): Promise<T>;

  /**
   * A call that may wait, on a connection of its own: nothing waits behind it. The signal asks to end it; it then still
   * answers, with what it took before that arrived, or with undefined.
   *
   * If the link is cut while the command waits, the call rejects with `OutcomeUnknownError`, and the link decides what
   * happens at the store. The command can end at once, as when the store learns of the cut; later; or only after its
   * own time. Until then it can still take something. It can also be executed for the first time after the cut. So the
   * consumer that holds what it takes does not know of it, and may long be fenced.
   */
  block<T>(
    action: string,
    command: BlockingCommand<T>,
    signal: AbortSignal,
  ): Promise<T | undefined>;

  /**
   * Listens, on a connection of its own. Resolves when it does. News come in order, each in a later turn of the event loop.
   * When the link is cut, the store tells it no more; when it is restored, the link subscribes again by itself and calls
   * `onInterrupted`: what was told meanwhile is missed.
   */
  hear<News>(
    action: string,
    subscription: Subscription<News>,
    onNews: (news: News) => void,
    onInterrupted: () => void,
  ): Promise<() => void>;

  /** Ends what blocks and what listens; calls that have no answer reject. May be called twice. */
  close(): void;
}
