import type { Replacement } from '../../core/source/replacement.js';
import type { RedisQueueClientOptions, RedisQueueServerOptions } from '../options/options.js';

interface Settings extends RedisQueueClientOptions {
  readonly server?: RedisQueueServerOptions | undefined;
}

type Place = Pick<RedisQueueClientOptions, 'connection' | 'prefix' | 'observers'>;

/** The options of a registration under test. The server takes options that are undefined here from its client. */
export function replacedSettings(
  { server, ...client }: Settings,
  { connection, prefix, observers }: Replacement,
): Settings {
  const added = (own: Place['observers']): Place['observers'] => [...(own ?? []), ...observers];
  return {
    ...client,
    // Checked later, when the options are resolved.
    connection: connection as Place['connection'],
    prefix,
    observers: added(client.observers),
    server: server && {
      ...server,
      connection: undefined,
      prefix: undefined,
      observers: server.observers && added(server.observers),
    },
  };
}
