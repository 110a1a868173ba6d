/** Settings by their names in redis.conf; a value is written there as it is, an empty one as `""`. */
export type RedisSettings = Readonly<Record<string, string>>;

/** The text of a redis.conf. */
export function redisConfig(settings: RedisSettings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} ${value === '' ? '""' : value}\n`)
    .join('');
}
