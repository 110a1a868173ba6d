import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Below the range from which Linux (32768 up) and macOS (49152 up) take the ports of outgoing
// connections: while a server on such a port is down, a client that keeps trying to reconnect can
// be given that very port and connect to itself.
const firstPort = 20_000;
const lastPort = 32_000;
const maxTries = 100;

/** The `n`th of the ports that local servers use, counted round and round. */
export function portNumber(n: number): number {
  return firstPort + (n % (lastPort - firstPort));
}

/**
 * A loopback port on which nothing listens at the moment of the call. It is not reserved: whoever
 * uses it has to be ready to find it taken.
 */
export async function findFreePort(): Promise<number> {
  for (let tries = 0; tries < maxTries; tries += 1) {
    const port = portNumber(randomInt(lastPort - firstPort));
    if (await isFreePort(port)) return port;
  }
  throw new Error(
    `no free port on 127.0.0.1 in ${maxTries} tries from ${firstPort} to ${lastPort}`,
  );
}

/** True if nothing listens on a loopback port at the moment. */
export function isFreePort(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(false);
    });
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}
