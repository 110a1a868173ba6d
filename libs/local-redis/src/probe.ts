import { createConnection } from 'node:net';

/** What is at a port: a Redis that serves, one that cannot do so yet, or nothing that speaks Redis. */
export type Probe =
  | { readonly state: 'ready' | 'loading'; readonly pid: number | undefined }
  | { readonly state: 'none'; readonly pid?: undefined };

const replyDeadlineMs = 1_000;

/**
 * Sends PING and INFO to a loopback port, over a connection of its own, and returns what replied. A Redis that asks for
 * a password counts as ready, but does not tell its `pid`.
 */
export function probe(port: number): Promise<Probe> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    let received = '';
    const answer = (found: Probe): void => {
      socket.destroy();
      resolve(found);
    };
    socket.setTimeout(replyDeadlineMs, () => {
      answer({ state: 'none' });
    });
    socket.once('error', () => {
      answer({ state: 'none' });
    });
    socket.once('close', () => {
      answer({ state: 'none' });
    });
    socket.once('connect', () => socket.write('PING\r\nINFO server\r\n'));
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1');
      const found = readReplies(received);
      if (found) answer(found);
    });
  });
}

/** The result of what was received so far, or `undefined` if the replies are not complete. */
function readReplies(received: string): Probe | undefined {
  const ping = /^[+-](.*)\r\n/.exec(received);
  if (!ping) return undefined;
  const info = received.slice(ping[0].length);
  const pid = /^process_id:(\d+)\r$/m.exec(info)?.[1];
  if (pid === undefined && !/^-.*\r\n/.test(info)) return undefined;
  return {
    state: ping[1]?.startsWith('LOADING') ? 'loading' : 'ready',
    pid: pid === undefined ? undefined : Number(pid),
  };
}
