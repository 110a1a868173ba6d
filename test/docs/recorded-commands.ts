import type { Redis } from 'ioredis';
import { Monitor } from '../support/monitor.js';
import type { Monitored } from '../support/monitor.js';

type Words = readonly string[];

/**
 * In Lua text, the commands whose permission a script checks before it begins, and the locals that are keys and
 * channels.
 */
const LOOKED_AT = /\{ '([A-Z]+)', (?!nil)(\w+) \}/g;
const LOCALS_OF = /local ([\w, ]+) = unpack\((KEYS|ARGV), 1, \d+\)/g;

/**
 * What each Redis user sends: its commands, those of its scripts, and those whose permission its scripts check before
 * they begin.
 */
export class RecordedCommands {
  /** By the address from which a command came. A command of a script comes from where the script did. */
  readonly #byAddress = new Map<string, Map<string, Words>>();
  #scriptFrom = '';
  readonly #users = new Map<string, string>();

  #monitor: Monitor | undefined;

  private constructor(private readonly operator: Redis) {}

  static async start(operator: Redis): Promise<RecordedCommands> {
    const recorded = new RecordedCommands(operator);
    const { port = 0 } = operator.options;
    recorded.#monitor = await Monitor.start(port, (told) => recorded.#record(told));
    return recorded;
  }

  /** Learns who is connected. Commands of unknown connections are ignored. */
  async noteUsers(): Promise<void> {
    const list = await this.operator.call('CLIENT', 'LIST');
    for (const [, address = '', user = ''] of String(list).matchAll(/ addr=(\S+) .* user=(\S+)/g))
      this.#users.set(address, user);
  }

  async stop(): Promise<void> {
    await this.#monitor?.close();
  }

  of(user: string): readonly Words[] {
    return [...this.#byAddress].flatMap(([address, commands]) =>
      this.#users.get(address) === user ? [...commands.values()] : [],
    );
  }

  #record({ words, source }: Monitored): void {
    const [name = ''] = words;
    const isScript = /^eval/i.test(name);
    if (isScript) this.#scriptFrom = source;
    const from = source === 'lua' ? this.#scriptFrom : source;
    const commands = this.#byAddress.get(from) ?? new Map<string, Words>();
    this.#byAddress.set(from, commands);
    for (const asked of isScript ? [...lookedAt(words), withoutText(words)] : [words])
      commands.set(asked.slice(0, 4).join(' '), asked);
  }
}

function withoutText([name = '', , keyCount = '0', ...rest]: Words): Words {
  return [name, 'return 0', keyCount, ...rest.slice(0, Number(keyCount))];
}

function lookedAt([, text = '', keyCount = '0', ...rest]: Words): Words[] {
  const values = new Map<string, string>();
  for (const [, locals = '', of] of text.matchAll(LOCALS_OF)) {
    const first = of === 'KEYS' ? 0 : Number(keyCount);
    locals.split(', ').forEach((local, at) => values.set(local, rest[first + at] ?? ''));
  }
  return [...text.matchAll(LOOKED_AT)].map(([, command = '', local = '']) => {
    const on = values.get(local) ?? '';
    return [command, on, on];
  });
}
