import dns from 'node:dns';
import { readFileSync } from 'node:fs';

/** A name that only programs know that call {@link knowChangingName}. */
export const CHANGING_NAME = 'redis.changing.test';

type Callback = (error: Error | null, address: unknown, family?: number) => void;

/** From now on, this process finds the address of {@link CHANGING_NAME} in a file, by each lookup anew. Returns how to end that. */
export function knowChangingName(addressFile: string): () => void {
  const real = dns.lookup;
  const lookup = (name: string, options: dns.LookupOptions, callback: Callback): void => {
    if (name !== CHANGING_NAME) return Reflect.apply(real, dns, [name, options, callback]) as void;
    const address = readFileSync(addressFile, 'utf8');
    process.nextTick(() => {
      if (options.all === true) callback(null, [{ address, family: 4 }]);
      else callback(null, address, 4);
    });
  };
  Object.assign(dns, { lookup });
  return () => {
    Object.assign(dns, { lookup: real });
  };
}
