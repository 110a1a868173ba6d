import type { MessageHandler } from '@nestjs/microservices';
import { InvalidOptionError, InvalidPatternError } from '../../core/errors/start-errors.js';
import { isWildcard } from '../../core/events/event-patterns.js';
import { subscriptionOf, subscriptionQueue } from '../../core/message/queue-name.js';
import type {
  DurableOptions,
  LiveOptions,
  MessageOptions,
  ResolvedHandler,
} from '../options/handler-options.js';

/** A handler and its resolved options. */
export interface RegisteredHandler<Options> {
  readonly handler: MessageHandler;
  readonly options: Options;
}

/** A durable event handler, whose group gets copies. */
export interface DurableHandler extends RegisteredHandler<DurableOptions> {
  /** May have wildcards. */
  readonly pattern: string;
}

/** An app adds all its handlers, so a second app would claim each of them again. */
const ONE_FOR_EACH_APP =
  'If only one exists, then one RedisQueueServer was given to two apps, or to connectMicroservice() twice: give each its own.';

/**
 * The handlers of one server. Nest's own map chains event handlers, so that one failure hides the others; it lets a
 * second message handler silently replace the first; and it mixes messages with events of the same pattern.
 */
export class HandlerRegistry {
  readonly #messages = new Map<string, RegisteredHandler<MessageOptions>>();
  readonly #events = new Map<string, RegisteredHandler<LiveOptions>[]>();
  readonly #durable = new Map<string, DurableHandler>();
  /** Lists of other programs, by the pattern whose queue they feed. */
  readonly #lists = new Map<string, string>();

  /**
   * @throws InvalidPatternError | InvalidOptionError if the pattern, or the list to take from, already has a handler
   */
  add(pattern: string, handler: MessageHandler, { kind, options }: ResolvedHandler): void {
    switch (kind) {
      case 'message':
        return this.#addMessage(pattern, { handler, options });
      case 'durable':
        return this.#addDurable(pattern, { handler, options });
      case 'live':
        return this.#addLive(pattern, { handler, options });
    }
  }

  #addMessage(pattern: string, registered: RegisteredHandler<MessageOptions>): void {
    const { feedFrom } = registered.options;
    if (feedFrom !== undefined) this.#claimList(feedFrom.list, pattern);
    assertForMessages(pattern);
    if (this.#messages.has(pattern)) {
      throw new InvalidPatternError(
        pattern,
        `Two handlers claim @MessagePattern(${JSON.stringify(pattern)}): a message has one handler. ` +
          `Remove one, or use @EventPattern if several should get it. ${ONE_FOR_EACH_APP}`,
      );
    }
    this.#messages.set(pattern, registered);
  }

  /** Two handlers that take from one list would each get a part of it. */
  #claimList(key: string, pattern: string): void {
    const claimedBy = this.#lists.get(key);
    if (claimedBy !== undefined) {
      throw new InvalidOptionError(
        'feedFrom.list',
        `The handlers of "${claimedBy}" and "${pattern}" both take from the list "${key}": a list has one handler`,
      );
    }
    this.#lists.set(key, pattern);
  }

  #addLive(pattern: string, registered: RegisteredHandler<LiveOptions>): void {
    const handlers = this.#events.get(pattern);
    if (handlers === undefined) this.#events.set(pattern, [registered]);
    else handlers.push(registered);
  }

  #addDurable(pattern: string, registered: RegisteredHandler<DurableOptions>): void {
    const { group } = registered.options;
    const queue = subscriptionQueue({ group, pattern });
    if (this.#durable.has(queue)) {
      throw new InvalidPatternError(
        pattern,
        `Two handlers of the group "${group}" claim the event ${JSON.stringify(pattern)}: a group handles each ` +
          `event once. Give each handler a group of its own. ${ONE_FOR_EACH_APP}`,
      );
    }
    this.#durable.set(queue, { ...registered, pattern });
  }

  /** By the queue of the subscription. */
  get durable(): ReadonlyMap<string, DurableHandler> {
    return this.#durable;
  }

  get messages(): ReadonlyMap<string, RegisteredHandler<MessageOptions>> {
    return this.#messages;
  }

  /** Handlers of live events. */
  get events(): ReadonlyMap<string, readonly RegisteredHandler<LiveOptions>[]> {
    return this.#events;
  }

  /** How far back live handlers recover, in ms, by pattern. */
  get recovering(): ReadonlyMap<string, number> {
    const recovering = new Map<string, number>();
    for (const [pattern, handlers] of this.#events) {
      const times = handlers.flatMap(({ options }) => options.recover?.withinMs ?? []);
      if (times.length > 0) recovering.set(pattern, Math.max(...times));
    }
    return recovering;
  }
}

/** @throws InvalidPatternError */
function assertForMessages(pattern: string): void {
  if (isWildcard(pattern)) {
    throw new InvalidPatternError(
      pattern,
      `@MessagePattern(${JSON.stringify(pattern)}) has a wildcard segment: a message goes to one queue, so its ` +
        'pattern cannot stand for others. Use @EventPattern for events, or spell the patterns out.',
    );
  }
  if (subscriptionOf(pattern) !== undefined) {
    throw new InvalidPatternError(
      pattern,
      `@MessagePattern(${JSON.stringify(pattern)}) is the name of a group's queue: use ` +
        "@EventPattern with the option group, or another name that does not begin with '@'.",
    );
  }
}
