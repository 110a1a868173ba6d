import type { Connection } from './connection.js';

/** Redis's time in ms, with its microseconds as a fraction. */
export async function readTime(connection: Connection): Promise<number> {
  const [seconds, microseconds] = await connection.run('read the time', (client) => client.time());
  return Number(seconds) * 1_000 + Number(microseconds) / 1_000;
}
