/**
 * Lua that scripts share: a script that declares it has its functions. Each function is a local that is made again with
 * each run, so a script declares no more than it calls, and makes those that few calls need where they are needed
 * (docs/decisions/0029).
 */
export class SharedLua {
  constructor(
    readonly text: string,
    /** Keys and arguments of the script that the functions use by their names. */
    readonly uses: readonly string[] = [],
    /** What the functions call. */
    readonly needs: readonly SharedLua[] = [],
  ) {}
}

/** The texts of what is declared and of all that it needs, each once, with needed ones first. */
export function textsOf(
  declared: readonly SharedLua[],
  named: readonly string[],
): readonly string[] {
  const texts = new Set<string>();
  const add = ({ text, uses, needs }: SharedLua): void => {
    for (const need of needs) add(need);
    const missing = uses.filter((name) => !named.includes(name));
    if (missing.length > 0)
      throw new TypeError(`Shared Lua uses ${missing.join(' and ')}: name them in the script.`);
    texts.add(text.trim());
  };
  for (const one of declared) add(one);
  return [...texts];
}
