import type { RedisOptions } from 'ioredis';

/** Where a connection goes, for people: without user and password. */
export function placeOf(options: RedisOptions): string {
  const { host = '127.0.0.1', port = 6379, db = 0, path, sentinels, name, tls } = options;
  if (sentinels !== undefined && sentinels !== null && sentinels.length > 0) {
    const all = sentinels.map((sentinel) => `${sentinel.host}:${sentinel.port}`).join(', ');
    return `"${name}" of the Sentinels ${all}, database ${db}`;
  }
  if (path !== undefined && path !== null) return `${path}, database ${db}`;
  return `${tls === undefined ? 'redis' : 'rediss'}://${host}:${port}/${db}`;
}
