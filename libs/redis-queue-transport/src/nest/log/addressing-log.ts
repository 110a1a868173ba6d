import type { Logger } from '@nestjs/common';
import type { Broker, ServedAs } from '../../core/broker/broker.js';
import { messageOf } from '../../core/errors/message-of.js';
import { looksLikeWildcard } from '../../core/events/event-patterns.js';
import { subscriptionOf, subscriptionQueue } from '../../core/message/queue-name.js';
import { nearest } from '../../core/options/nearest.js';
import { counted } from './counted.js';
import type { RedisQueueDeclarations } from '../options/declarations.js';

/**
 * Reports mistakes between two processes that are each right by themselves: one sends to a name that the other serves
 * differently. It only looks if something has reached nobody, and never makes a call fail.
 */
export class AddressingLog {
  constructor(
    private readonly prefix: string,
    private readonly logger: Logger,
  ) {}

  /** A message went into a queue that no server has ever served, or an event reached nobody. */
  unserved(call: 'enqueue' | 'emit', name: string, broker: Broker): Promise<void> {
    return this.#look(async () => {
      const servedAs = await broker.servedAs(name);
      if (call === 'emit') this.#tellUnheard(name, servedAs);
      else this.#tellUntaken(name, servedAs);
    });
  }

  /** Groups that are declared here but were never started. */
  declared(declarations: RedisQueueDeclarations, broker: Broker): Promise<void> {
    return this.#look(async () => {
      for (const [pattern, { groups = [] }] of Object.entries(declarations))
        for (const group of groups) await this.#lookAtGroup(group, pattern, broker);
    });
  }

  /** Messages that wait under names that this server handles as events. */
  stranded(patterns: readonly string[], broker: Broker): Promise<void> {
    return this.#look(async () => {
      for (const [name, count] of await broker.stranded(patterns)) {
        const quoted = JSON.stringify(name);
        const waiting = `${counted(count, 'message')} ${count === 1 ? 'waits' : 'wait'}`;
        this.logger.warn(
          `${waiting} in the queue ${quoted}, and no server takes them: they were sent with enqueue() or send(), but ` +
            `@EventPattern(${quoted}) only handles events from emit(). Handle them with ` +
            `@MessagePattern(${quoted}), or have their sender call emit().`,
        );
      }
    });
  }

  /** Plain patterns that look like wildcards. */
  literal(patterns: readonly string[]): void {
    for (const pattern of patterns.filter(looksLikeWildcard)) {
      this.logger.warn(
        `The pattern ${JSON.stringify(pattern)} looks like a wildcard of another broker, but is taken literally. In ` +
          'event patterns, "*" stands for one whole segment between dots, and "#", as the last segment, for all that ' +
          'follows: "user.*", "user.#". Message patterns have no wildcards.',
      );
    }
  }

  #tellUnheard(name: string, { isQueue, isHeard }: ServedAs): void {
    if (!isQueue || isHeard) return;
    const quoted = JSON.stringify(name);
    this.logger.warn(
      `emit(${quoted}) reached nobody: servers handle this name as messages (@MessagePattern), which emit() does not ` +
        `reach. Call enqueue() or send() instead, or handle it with @EventPattern(${quoted}).`,
    );
  }

  #tellUntaken(name: string, servedAs: ServedAs): void {
    if (servedAs.isQueue) return;
    const quoted = JSON.stringify(name);
    const who = eventHandlersOf(servedAs);
    if (who === undefined) {
      this.logger.log(
        `No server has ever served the queue ${quoted} (prefix "${this.prefix}"). Its messages wait until one ` +
          'starts. If one is running, compare the pattern, the prefix and the Redis on both sides.',
      );
      return;
    }
    this.logger.warn(
      `enqueue(${quoted}) reaches no handler: this name is handled as an event, by ${who}. The message waits until a ` +
        `server starts with @MessagePattern(${quoted}). To reach event handlers, call emit(${quoted})` +
        `${servedAs.groupQueues.map((queue) => `, or enqueue(${JSON.stringify(queue)}) for that group alone`).join('')}.`,
    );
  }

  async #lookAtGroup(group: string, pattern: string, broker: Broker): Promise<void> {
    if (await broker.isServed(subscriptionQueue({ group, pattern }))) return;
    const { groupQueues } = await broker.servedAs(pattern);
    const others = groupQueues.flatMap((queue) => subscriptionOf(queue)?.group ?? []);
    const meant = nearest(group, await this.#started(others, pattern, broker));
    const text =
      `The group "${group}" of "${pattern}" is declared, but no server has ever started it. Redis keeps a copy of ` +
      'each event for it.';
    if (meant === undefined)
      this.logger.log(`${text} They wait until a server of the group starts.`);
    else this.logger.warn(`${text} It may be misspelt: did you mean "${meant}"?`);
  }

  async #started(groups: readonly string[], pattern: string, broker: Broker): Promise<string[]> {
    const started: string[] = [];
    for (const group of new Set(groups))
      if (await broker.isServed(subscriptionQueue({ group, pattern }))) started.push(group);
    return started;
  }

  async #look(look: () => Promise<void>): Promise<void> {
    try {
      await look();
    } catch (error) {
      // The user's call has succeeded, so a failure here must not reach it.
      this.logger.debug(`Could not find out who serves a name: ${messageOf(error)}`);
    }
  }
}

/** The event handlers of a name, in words; undefined if there are none. */
export function eventHandlersOf({ isHeard, groupQueues }: ServedAs): string | undefined {
  const groups = groupQueues.map((queue) => `the group "${subscriptionOf(queue)?.group}"`);
  const all = [...(isHeard ? ['live handlers'] : []), ...groups];
  return all.length === 0 ? undefined : all.join(' and ');
}
