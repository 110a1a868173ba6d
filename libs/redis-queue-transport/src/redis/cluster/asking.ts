import { Command } from 'ioredis';
import type { Redis } from 'ioredis';

/**
 * A client whose commands may touch keys of a slot that its node is still getting: each is sent behind ASKING. Within a
 * transaction, the first ASKING holds for all.
 */
export function asking(client: Redis): Redis {
  let isInTransaction = false;
  const wrapped = Object.create(client) as Redis;
  wrapped.sendCommand = (command, stream) => {
    if (!isInTransaction) {
      const ask = new Command('ASKING');
      ask.promise.catch(noop);
      void client.sendCommand(ask, stream);
    }
    if (command.name === 'multi') isInTransaction = true;
    if (command.name === 'exec') isInTransaction = false;
    return client.sendCommand(command, stream);
  };
  return wrapped;
}

const noop = (): void => undefined;
