import type { RedisOptions, SentinelAddress } from 'ioredis';

export const SENTINEL_PORT = 26_379;

/** How to connect to a Sentinel: the part of the options of a connection that is for Sentinels. */
export function optionsOfSentinel(
  { host = '127.0.0.1', port = SENTINEL_PORT, family }: Partial<SentinelAddress>,
  options: RedisOptions,
): RedisOptions {
  const { sentinelUsername, sentinelPassword, sentinelTLS } = options;
  const version = family ?? options.family;
  return {
    host,
    port,
    ...(version === undefined ? {} : { family: version }),
    ...(sentinelUsername ? { username: sentinelUsername } : {}),
    ...(sentinelPassword ? { password: sentinelPassword } : {}),
    ...(sentinelTLS ? { tls: sentinelTLS } : {}),
  };
}

/** Where a server is found from here that Redis or a Sentinel names: another place, if `natMap` says so. */
export function placeFromHere(
  { natMap }: RedisOptions,
  host: string,
  port: number,
): { readonly host: string; readonly port: number } {
  const key = `${host}:${port}`;
  const mapped = typeof natMap === 'function' ? natMap(key) : natMap?.[key];
  return mapped ?? { host, port };
}
