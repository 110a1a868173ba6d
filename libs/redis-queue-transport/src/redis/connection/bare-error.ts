/** Where errors of ioredis and of Node keep other errors. */
const INNER = ['cause', 'lastNodeError', 'previousErrors', 'errors'];

const READS_ONE_KEY =
  /^(?:llen|lrange|zcard|zrange|xlen|xrange|xrevrange|hget|hgetall|hkeys|hmget|hscan)$/i;

/** How Redis repeats the arguments of an unknown command. */
const REPEATED_ARGUMENTS = /,? with args beginning with:.*/s;

/**
 * Removes from an error the commands and replies that it carries: `AUTH` has the password as an argument, a push has
 * the data of messages, and printing or reporting the error must not reveal them. The name of the command stays, and so
 * does a key that another program uses. Works in place, since ioredis may hand the same object to other listeners.
 */
export function bare<T>(error: T): T {
  strip(error, new Set());
  return error;
}

function strip(value: unknown, seen: Set<unknown>): void {
  if (typeof value !== 'object' || value === null || seen.has(value)) return;
  seen.add(value);
  if (Array.isArray(value)) {
    for (const each of value) strip(each, seen);
    return;
  }
  const command: unknown = Reflect.get(value, 'command');
  if (typeof command === 'object' && command !== null && 'args' in command) {
    const name: unknown = Reflect.get(command, 'name');
    Reflect.set(value, 'command', { name, ...keyOf(value, name, command.args) });
  }
  // An error of the parser contains the bytes that came from Redis.
  if (Buffer.isBuffer(Reflect.get(value, 'buffer'))) Reflect.deleteProperty(value, 'buffer');
  if (value instanceof Error) stripText(value);
  for (const name of INNER) strip(Reflect.get(value, name), seen);
}

/** The key that has another type. Redis does not name it, but a command that reads one key can mean no other. */
function keyOf(error: object, name: unknown, args: unknown): { readonly key?: string } {
  const isOtherType = error instanceof Error && error.message.startsWith('WRONGTYPE');
  if (!isOtherType || !READS_ONE_KEY.test(String(name)) || !Array.isArray(args)) return {};
  return { key: String(args[0]) };
}

function stripText(error: Error): void {
  if (!REPEATED_ARGUMENTS.test(error.message)) return;
  const { message } = error;
  error.message = message.replace(REPEATED_ARGUMENTS, '');
  // The stack begins with the message.
  error.stack = error.stack?.replace(message, error.message) ?? '';
}
