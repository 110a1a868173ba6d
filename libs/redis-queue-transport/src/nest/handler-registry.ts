import type { MessageHandler } from '@nestjs/microservices';
import { InvalidPatternError } from '../core/errors.js';

export interface RegisteredHandler {
  readonly handler: MessageHandler;
  readonly extras: object;
}

/**
 * The handlers of one server. Nest's own map chains event handlers so that one failure hides the others, lets a second
 * message handler replace the first without a word, and mixes messages with events of the same pattern.
 */
export class HandlerRegistry {
  readonly #messages = new Map<string, RegisteredHandler>();
  readonly #events = new Map<string, RegisteredHandler[]>();

  /** @throws InvalidPatternError when the pattern already has a handler */
  addMessage(pattern: string, registered: RegisteredHandler): void {
    if (this.#messages.has(pattern)) {
      throw new InvalidPatternError(
        pattern,
        `Two handlers claim @MessagePattern(${JSON.stringify(pattern)}): a message has one handler. ` +
          'Remove one, or use @EventPattern where several should hear of it.',
      );
    }
    this.#messages.set(pattern, registered);
  }

  addEvent(pattern: string, registered: RegisteredHandler): void {
    const handlers = this.#events.get(pattern);
    if (handlers === undefined) this.#events.set(pattern, [registered]);
    else handlers.push(registered);
  }

  get messages(): ReadonlyMap<string, RegisteredHandler> {
    return this.#messages;
  }

  get events(): ReadonlyMap<string, readonly RegisteredHandler[]> {
    return this.#events;
  }
}
