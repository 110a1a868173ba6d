import { parseArgs } from 'node:util';

export interface DemoArguments {
  /** How many orders to post; `undefined` for each order of the file once. */
  readonly orders: number | undefined;
  readonly json: boolean;
  readonly keep: boolean;
  /** Instead of the story, a shop with a page to play with. */
  readonly page: boolean;
  readonly help: boolean;
}

/** The arguments make no sense; the message says why. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const MAX_ORDERS = 100_000;

export const usage = `Usage: npm run demo -- [options]

Runs a shop of two services, lets customers order, kills each service and Redis with SIGKILL meanwhile, and checks
the books. For each step, it prints what should happen and what did.

Redis: without REDIS_URL, the demo starts a redis-server of its own and removes it at the end. With REDIS_URL, it uses
that Redis under keys of its own (demo-<8 digits>:*), which it removes at the end, and does not kill it.

  --orders N  post N orders, repeating those of the file if necessary (default: each once)
  --json      print the result as one line of JSON on stdout, and everything else on stderr
  --page      instead of the story, start a shop, and print the address of a page where you place the orders and
              kill the processes, until Ctrl-C
  --keep      leave everything running at the end and print where to look, until Ctrl-C
  --help      print this text

Exit status: 0 if all was as expected and the books balance, 1 if not or if the demo could not run, 2 for bad
arguments, 130 if Ctrl-C came too early. With --keep and --page, Ctrl-C is the expected end, and does not change it.
`;

export function parseDemoArguments(args: readonly string[]): DemoArguments {
  const { orders, json, keep, page, help } = parse(args);
  if (page && (orders !== undefined || json || keep)) {
    throw new UsageError('--page cannot be combined with --orders, --json or --keep');
  }
  return { orders: orders === undefined ? undefined : orderCount(orders), json, keep, page, help };
}

function parse(args: readonly string[]): {
  orders?: string | undefined;
  json: boolean;
  keep: boolean;
  page: boolean;
  help: boolean;
} {
  try {
    return parseArgs({
      args: [...args],
      options: {
        orders: { type: 'string' },
        json: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        page: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    // The messages of parseArgs are made for users.
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function orderCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > MAX_ORDERS) {
    throw new UsageError(`--orders must be a whole number from 1 to ${MAX_ORDERS}, got "${text}"`);
  }
  return count;
}
