export type ScriptArgument = string | number | Buffer;

/** One row of arguments behind the named ones: its values by their names, or just the value if a row has only one. */
export type RowOf<Names extends readonly string[]> = Names extends readonly []
  ? never
  : Names extends readonly [string]
    ? ScriptArgument
    : Readonly<Record<Names[number], ScriptArgument>>;

/**
 * The Lua that reads rows, made from the names of their values, so that it cannot differ from what TypeScript writes.
 */
export class RowLua {
  constructor(private readonly names: readonly string[]) {}

  /** How many arguments a row has. */
  get size(): number {
    return this.names.length;
  }

  /** A local for each value of the row that begins at `ARGV[i]`. */
  get locals(): string {
    const values = this.names.map((_, index) => `ARGV[i + ${index}]`);
    return `local ${this.names.join(', ')} = ${values.join(', ')}`;
  }

  /** Begins a loop over all rows, with these locals. */
  get each(): string {
    return `for i = FIRST, #ARGV, ${this.size} do ${this.locals}`;
  }
}
