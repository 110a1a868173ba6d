import { Redis } from 'ioredis';
import { invalid } from '../../core/options/options.js';

/**
 * A client with the settings of a URL, which never connects: given together with other settings, the URL would override
 * them.
 *
 * @param name the option that has the URL
 * @throws InvalidOptionError, without user and password
 */
export function templateOfUrl(url: string, name: string): Redis {
  const isUsable = /^rediss?:\/\//.test(url) && URL.canParse(url);
  if (!isUsable)
    throw invalid(
      name,
      'a URL like redis://user:password@host:6379/0 (rediss:// for TLS)',
      hidePassword(url),
    );
  if (!isDecodable(url))
    throw invalid(
      name,
      'a URL whose user and password can be decoded: write a percent sign as %25',
      hidePassword(url),
    );
  return new Redis(url, { lazyConnect: true });
}

/** ioredis would throw an error that says neither what is wrong nor where. */
function isDecodable(url: string): boolean {
  const { username, password } = new URL(url);
  try {
    decodeURIComponent(username + password);
    return true;
  } catch {
    return false;
  }
}

/** User and password stand before the last @; text that is not a URL may have anything there. */
function hidePassword(url: string): string {
  return url.replace(/^([a-z]+:?\/\/)?.*@/i, '$1***@');
}
