import { Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import type { ReplicaReading, SentinelReading } from '../../core/admin/inspection.js';
import { messageOf } from '../../core/errors/message-of.js';
import { addressText } from '../sentinels/known-sentinels.js';
import { optionsOfSentinel, placeFromHere } from '../sentinels/sentinel-options.js';
import { readInfo } from './read-info.js';

const REPLY_WITHIN_MS = 2_000;

/** For connections that are used once. */
const BRIEF: RedisOptions = {
  connectTimeout: REPLY_WITHIN_MS,
  commandTimeout: REPLY_WITHIN_MS,
  maxRetriesPerRequest: 0,
  retryStrategy: () => null,
  enableReadyCheck: false,
  enableOfflineQueue: true,
  lazyConnect: true,
  replyMapping: 'legacy',
};

/**
 * Asks the replicas that INFO names.
 * @param open makes a client with the user's options and these
 */
export function replicaReadings(
  info: Readonly<Record<string, string>>,
  options: RedisOptions,
  open: (settings: RedisOptions) => Redis,
): Promise<readonly ReplicaReading[]> {
  const lines = Object.entries(info).filter(([name]) => /^slave\d+$/.test(name));
  const { tls, sentinels, enableTLSForSentinelMode } = options;
  const isEncrypted = !sentinels?.length || enableTLSForSentinelMode === true;
  return Promise.all(
    lines.map(async ([, line]) => {
      const [, host = '', port = ''] = /ip=([^,]*),port=(\d+)/.exec(line) ?? [];
      const client = open({
        ...BRIEF,
        ...placeFromHere(options, host, Number(port)),
        ...{ path: undefined, sentinels: undefined, name: undefined, Connector: undefined },
        tls: isEncrypted ? tls : undefined,
      });
      return {
        place: `${host}:${port}`,
        info: await asked(client, async () => readInfo(await client.info()), noInfo),
      };
    }),
  );
}

/** Asks each Sentinel of the options. */
export function sentinelReadings(options: RedisOptions): Promise<readonly SentinelReading[]> {
  return Promise.all((options.sentinels ?? []).map((sentinel) => ask(sentinel, options)));
}

function ask(
  sentinel: NonNullable<RedisOptions['sentinels']>[number],
  options: RedisOptions,
): Promise<SentinelReading> {
  const { name } = options;
  const place = addressText(sentinel);
  const unknown = {
    place,
    failure: undefined,
    primary: undefined,
    known: undefined,
    noQuorum: undefined,
  };
  const client = new Redis({ ...BRIEF, ...optionsOfSentinel(sentinel, options) });
  const call = (command: string): Promise<unknown> => client.call('SENTINEL', command, name ?? '');
  const look = async (): Promise<SentinelReading> => {
    const primary = await call('GET-MASTER-ADDR-BY-NAME');
    if (!Array.isArray(primary)) return { ...unknown, failure: `It does not know "${name}".` };
    const others = await call('SENTINELS');
    const known = 1 + (Array.isArray(others) ? others.length : 0);
    const noQuorum = await call('CKQUORUM').then(
      () => undefined,
      (error: unknown) => messageOf(error),
    );
    return { ...unknown, primary: primary.join(':'), known, noQuorum };
  };
  return asked(client, look, (error) => ({ ...unknown, failure: messageOf(error) }));
}

async function asked<T>(
  client: Redis,
  look: () => Promise<T>,
  otherwise: (error: unknown) => T,
): Promise<T> {
  let last: unknown;
  client.on('error', (error) => (last = error));
  try {
    return await look();
  } catch (error) {
    return otherwise(last ?? error);
  } finally {
    client.disconnect();
  }
}

const noInfo = (): undefined => undefined;
