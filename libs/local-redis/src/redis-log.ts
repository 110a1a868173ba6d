import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

const tailLength = 2_000;

/** Where a server in `directory` writes what it prints. */
export function logFile(directory: string): string {
  return join(directory, 'redis.log');
}

/** How much the servers in `directory` have written so far, in bytes. */
export async function logLength(directory: string): Promise<number> {
  const log = await stat(logFile(directory)).catch(() => undefined);
  return log?.size ?? 0;
}

/** What the server wrote, from `offset` on. */
export async function readLog(directory: string, offset = 0): Promise<string> {
  const log = await readFile(logFile(directory)).catch(() => Buffer.alloc(0));
  return log.subarray(offset).toString();
}

/** True if a server ended because its port was taken. */
export function portWasTaken(log: string): boolean {
  return /Address already in use/i.test(log);
}

/** The end of a log, for an error message. */
export function tail(log: string): string {
  return log.slice(-tailLength).trim() || '(it wrote nothing)';
}
