import { Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import type { Proxy } from './proxy.js';

/** An ioredis instance as users give it, whose connection for commands goes through the proxy. */
export function commandsThrough(proxy: Proxy, url: string): Redis {
  const template = new Redis(url, { lazyConnect: true });
  const direct = template.duplicate.bind(template);
  template.duplicate = (settings: Partial<RedisOptions> = {}) =>
    settings.connectionName?.startsWith('rq-commands-') === true
      ? new Redis(proxy.url, settings)
      : direct(settings);
  return template;
}
