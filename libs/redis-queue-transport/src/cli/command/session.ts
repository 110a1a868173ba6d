import { createInterface } from 'node:readline/promises';
import type { RedisQueueAdmin, RedisQueueClient } from '../../index.js';
import type { Given } from '../words/given.js';
import type { Call } from './command.js';
import { UsageError } from '../words/usage-error.js';
import { printable } from '../../core/message/printable.js';
import type { Output } from '../output/output.js';
import { knownCodecs } from '../connection/codecs.js';
import type { ConnectionSettings } from '../connection/connection-settings.js';

export interface SessionParts {
  readonly settings: ConnectionSettings;
  readonly given: Given;
  readonly args: readonly string[];
  readonly output: Output;
  readonly signal: AbortSignal;
  readonly input: NodeJS.ReadStream;
  /** Where questions are asked. */
  readonly notes: NodeJS.WriteStream;
}

/** What one command works with: each part is opened when the command asks for it, and closed at the end. */
export class Session {
  readonly #open: { close(): Promise<unknown> }[] = [];
  #admin: Promise<RedisQueueAdmin> | undefined;
  #client: Promise<RedisQueueClient> | undefined;

  constructor(private readonly parts: SessionParts) {}

  get call(): Call {
    const { args, given, output, settings, signal } = this.parts;
    return {
      args,
      given,
      output,
      settings,
      signal,
      admin: () => (this.#admin ??= this.#openAdmin()),
      client: () => (this.#client ??= this.#openClient()),
      agrees: (question) => this.#agrees(question),
      closeLater: (closable) => void this.#open.push(closable),
    };
  }

  async close(): Promise<void> {
    for (const closable of this.#open.reverse()) await closable.close();
  }

  async #openAdmin(): Promise<RedisQueueAdmin> {
    const { RedisQueueAdmin: Admin } = await import('../../index.js');
    const admin = new Admin({ ...this.#options(), codecs: await knownCodecs() });
    this.#open.push(admin);
    return admin;
  }

  async #openClient(): Promise<RedisQueueClient> {
    await this.#routeLogs();
    const { RedisQueueClient: Client } = await import('../../index.js');
    const client = new Client({ ...this.#options(), codecs: await knownCodecs() });
    this.#open.push({ close: () => client.close() });
    return client;
  }

  #options(): { connection: ConnectionSettings['connection']; prefix: string } {
    const { connection, prefix } = this.parts.settings;
    return { connection, prefix };
  }

  /** The client logs as it does in an app; here, its warnings become notes beside the results. */
  async #routeLogs(): Promise<void> {
    const { Logger } = await import('@nestjs/common');
    const { output } = this.parts;
    const say = (message: unknown): void => output.warn(String(message));
    const ignore = (): void => undefined;
    Logger.overrideLogger({ log: say, warn: say, error: say, debug: ignore, verbose: ignore });
  }

  async #agrees(question: string): Promise<boolean> {
    const { given, input, notes, signal } = this.parts;
    if (given.flag('yes')) return true;
    if (!input.isTTY)
      throw new UsageError(
        'This command asks first, but there is nobody to ask here: add --yes to do it.',
      );
    const lines = createInterface({ input, output: notes });
    try {
      const reply = await lines.question(`${printable(question)} [y/N] `, { signal });
      return /^\s*y(es)?\s*$/i.test(reply);
    } catch {
      return false; // Ctrl-C
    } finally {
      lines.close();
    }
  }
}
