import { randomInt } from 'node:crypto';
import { createConnection } from 'node:net';

// Below the range from which Linux (32768 up) and macOS (49152 up) take the ports of outgoing
// connections: while a server on such a port is down, a client that keeps trying to reconnect can
// be given that very port and connect to itself.
const firstPort = 20_000;
const lastPort = 32_000;
const maxTries = 100;
const answerDeadlineMs = 1_000;

/** The `n`th of the ports that local servers use; after the last, the first follows. */
export function portNumber(n: number): number {
  return firstPort + (n % (lastPort - firstPort));
}

/**
 * A loopback port on which nothing listens at the moment of the call. It is not reserved: another process that
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

/**
 * True if nothing listens on a loopback port at the moment. It finds out by connecting: listening there for a moment
 * would make the port look taken to others who ask at the same time.
 */
export function isFreePort(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    const answer = (isFree: boolean): void => {
      socket.destroy();
      resolve(isFree);
    };
    // A paused server whose queue of connections is full does not respond at all.
    socket.setTimeout(answerDeadlineMs, () => answer(false));
    socket.once('connect', () => answer(false));
    socket.once('error', () => answer(true));
  });
}
