import type { ScriptArgument } from './rows.js';

/** The named arguments of a script: the Lua that reads them, and what TypeScript sends. */
export class NamedArguments<Arg extends string> {
  /** In each call, in this order. */
  readonly #always: readonly Arg[];
  /** Only if the value differs from this one: as name and value, behind their number. */
  readonly #usual: readonly (readonly [Arg, ScriptArgument])[];

  constructor(
    names: readonly Arg[],
    usual: Readonly<Partial<Record<Arg, ScriptArgument>>> | undefined,
  ) {
    this.#always = names.filter((name) => usual?.[name] === undefined);
    this.#usual = Object.entries(usual ?? {}) as [Arg, ScriptArgument][]; // its keys are of that type
  }

  /** A local for each name, and `FIRST`, where the next argument is. */
  get lua(): string {
    const always = localsOf('ARGV', this.#always);
    const first = this.#always.length + 1;
    if (this.#usual.length === 0) return [always, `local FIRST = ${first}`].join('\n');
    return [
      always,
      ...this.#usual.map(([name, value]) => `local ${name} = '${String(value)}'`),
      `local FIRST = ${first + 1} + 2 * ARGV[${first}]`,
      `for i = ${first + 1}, FIRST - 1, 2 do`,
      '  local name, value = ARGV[i], ARGV[i + 1]',
      ...this.#usual.map(([name], index) => {
        return `  ${index === 0 ? 'if' : 'elseif'} name == '${name}' then ${name} = value`;
      }),
      '  end',
      'end',
    ].join('\n');
  }

  /** Adds what is sent. */
  write(parameters: ScriptArgument[], args: Readonly<Record<Arg, ScriptArgument>>): void {
    for (const name of this.#always) parameters.push(args[name]);
    if (this.#usual.length === 0) return;
    const at = parameters.push(0) - 1;
    let count = 0;
    for (const [name, usual] of this.#usual) {
      const value = args[name];
      if (value === usual) continue;
      parameters.push(name, value);
      count += 1;
    }
    parameters[at] = count;
  }

  /** The reverse: the values by their names, and what follows them. */
  read(sent: readonly string[]): {
    readonly values: Readonly<Record<string, string>>;
    readonly others: readonly string[];
  } {
    const always = this.#always.map((name, index) => [name, sent[index] ?? '']);
    const values = Object.fromEntries(always) as Record<string, string>;
    if (this.#usual.length === 0) return { values, others: sent.slice(always.length) };
    for (const [name, value] of this.#usual) values[name] = String(value);
    const first = always.length + 1;
    const end = first + 2 * Number(sent[first - 1]);
    for (let at = first; at < end; at += 2) values[sent[at] ?? ''] = sent[at + 1] ?? '';
    return { values, others: sent.slice(end) };
  }
}

/** A local for each of these names, from the beginning of a table of Lua's. */
export function localsOf(table: 'KEYS' | 'ARGV', names: readonly string[]): string {
  return names.length === 0
    ? ''
    : `local ${names.join(', ')} = unpack(${table}, 1, ${names.length})`;
}
