/** One command of a `console` block, and its output. */
export interface ConsoleCommand {
  readonly command: string;
  readonly output: string;
}

/** A command begins with `$ ` and goes on while a single quote is open. */
export function consoleCommands(text: string): ConsoleCommand[] {
  const commands: { command: string; output: string[] }[] = [];
  for (const line of text.split('\n')) {
    const last = commands.at(-1);
    if (line.startsWith('$ ')) commands.push({ command: line.slice(2), output: [] });
    else if (last === undefined) throw new Error(`"${line}" stands before the first command.`);
    else if (isOpen(last.command)) last.command += `\n${line}`;
    else last.output.push(line);
  }
  return commands.map(({ command, output }) => ({ command, output: output.join('\n') }));
}

function isOpen(command: string): boolean {
  return (command.split("'").length - 1) % 2 === 1;
}

/** Names of consumers, ids of stream entries, and times in ms: different each time. */
const VOLATILE = /[\w.-]+-\d+-[\w-]{8}-\d+|\b\d{13}-\d+\b|\b\d{13}\b/g;
const STACK = /"stack":"(?:[^"\\]|\\.)*"/g;

/** What two runs of the same commands have in common. */
export function masked(output: string): string {
  return output.replaceAll(STACK, '"stack":"…"').replaceAll(VOLATILE, '<varies>');
}

/** Knows the names and times of this run that replace those in a document. */
export class Substitutions {
  readonly #actual = new Map<string, string>();

  learn(shown: string, printed: string): void {
    const values = printed.replaceAll(STACK, '').match(VOLATILE) ?? [];
    shown
      .replaceAll(STACK, '')
      .match(VOLATILE)
      ?.forEach((value, index) => {
        this.#actual.set(value, values[index] ?? value);
      });
  }

  apply(command: string): string {
    return command.replaceAll(VOLATILE, (value) => this.#actual.get(value) ?? value);
  }
}
