import type { Terminal } from '../output/terminal.js';
import { wrapped } from '../output/wrapped.js';
import type { Command, Options } from './command.js';
import { GLOBAL_OPTIONS } from './shared-options.js';

const WIDTH = 100;

/** What `redis-queue --help` prints, or what `redis-queue dead --help` does. */
export function overviewHelp(
  commands: readonly Command[],
  terminal: Terminal,
  group?: string,
): string {
  const shown = commands.filter(({ name }) => group === undefined || name.startsWith(`${group} `));
  return [
    `${terminal.bold('redis-queue')} ${group ?? ''}`.trimEnd() +
      (group === undefined ? ': look after the queues of nestjs-redis-queue-transport' : ''),
    '',
    `${terminal.bold('Usage')}  redis-queue ${group ?? ''}${group === undefined ? '' : ' '}COMMAND … [options]`,
    '',
    terminal.bold('Commands'),
    ...columns(shown.map((command) => [command.name, command.about])),
    '',
    terminal.bold('Options of every command'),
    ...columns(optionRows(GLOBAL_OPTIONS)),
    '',
    'Begin with "redis-queue queues" or "redis-queue doctor".',
    '"redis-queue COMMAND --help" explains one command. docs/command-line.md has the rest.',
    '',
  ].join('\n');
}

/** What `redis-queue COMMAND --help` prints. */
export function commandHelp(command: Command, terminal: Terminal): string {
  const { name, about, details = [], args, options, examples } = command;
  const own = optionRows(options);
  return [
    `${terminal.bold(`redis-queue ${name}`)}: ${about}`,
    '',
    `${terminal.bold('Usage')}  redis-queue ${name}${args.map(usageOf).join('')} [options]`,
    ...(args.length === 0 ? [] : ['', ...columns(args.map((arg) => [arg.name, arg.about]))]),
    ...details.flatMap((text) => ['', ...wrapped(text, WIDTH)]),
    ...(own.length === 0 ? [] : ['', terminal.bold('Options'), ...columns(own)]),
    '',
    terminal.bold('Options of every command'),
    ...columns(optionRows(GLOBAL_OPTIONS)),
    '',
    terminal.bold(examples.length === 1 ? 'Example' : 'Examples'),
    ...examples.map((example) => `  redis-queue ${example}`),
    '',
  ].join('\n');
}

function usageOf({ name, count }: Command['args'][number]): string {
  switch (count) {
    case 'optional':
      return ` [${name}]`;
    case 'many':
      return ` ${name}…`;
    case 'any':
      return ` [${name}…]`;
    case undefined:
      return ` ${name}`;
  }
}

function optionRows(options: Options): [string, string][] {
  return Object.entries(options).map(([name, { value, short, about }]) => [
    `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`,
    about,
  ]);
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  return rows.flatMap(([name, about]) => {
    const [first = '', ...more] = wrapped(about, WIDTH - width - 2);
    return [`  ${name.padEnd(width)}${first}`, ...more.map((line) => ' '.repeat(width + 2) + line)];
  });
}
