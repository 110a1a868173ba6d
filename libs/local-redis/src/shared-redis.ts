import { createHash, randomUUID } from 'node:crypto';
import { closeSync, constants, existsSync, openSync, writeSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findRedisServer } from './find-redis-server.js';
import { isFreePort, portNumber } from './free-port.js';
import { GuardedProcess } from './guarded-process.js';
import { probe } from './probe.js';
import { sharedWatchdog } from './shared-watchdog.js';
import { until } from './until.js';

/** This process's share in a server. */
export interface SharedRedis {
  readonly port: number;
  /** Gives the share up. Idempotent. */
  leave(): void;
}

const joinDeadlineMs = 30_000;
const acknowledgeDeadlineMs = 2_000;
const readyDeadlineMs = 20_000;
const portCandidates = 10;

/**
 * Joins the users of the Redis in `directory`, and starts it if there is none. It keeps its data there (append-only
 * file) and ends with its last user, even if that is killed.
 *
 * Nothing is locked, and a crash can leave nothing behind that is in the way. A server is known by its queue
 * `users-PORT.PID` (see `sharedWatchdog`), which is dead if nobody reads it. Of several processes that start a server
 * at once, one gets the port, which follows from the name of the directory; the others see their own end, and join the
 * first. The order matters: a queue exists before its server takes the port, so this looks at the port before the
 * queues.
 */
export async function joinSharedRedis(directory: string): Promise<SharedRedis> {
  const executable = await findRedisServer();
  await mkdir(directory, { recursive: true });
  const share = await until(joinDeadlineMs, async () => {
    const port = await firstFreePort(directory);
    const queue = await findQueue(directory);
    return queue ? joinServer(queue) : startServer(executable, directory, port);
  });
  if (share) return share;
  throw new Error(
    `cannot join or start the Redis in ${directory}: see redis.log there, and end the ` +
      `redis-server with the process id in the name of a file users-PORT.PID if there is one`,
  );
}

/** The port that follows from the name of the directory or, if that is taken, one of the next. */
async function firstFreePort(directory: string): Promise<number> {
  const start = createHash('sha256').update(directory).digest().readUInt32BE();
  for (let n = start; n < start + portCandidates; n += 1) {
    if (await isFreePort(portNumber(n))) return portNumber(n);
  }
  throw new Error(`${portCandidates} ports from ${portNumber(start)} on are all taken`);
}

interface Queue {
  readonly file: string;
  readonly port: number;
  readonly pid: number;
}

async function findQueue(directory: string): Promise<Queue | undefined> {
  for (const name of await readdir(directory)) {
    const [, port, pid] = /^users-(\d+)\.(\d+)$/.exec(name) ?? [];
    if (port === undefined || pid === undefined) continue;
    return { file: join(directory, name), port: Number(port), pid: Number(pid) };
  }
  return undefined;
}

/** Becomes a user of a running server; `undefined` if it ends or has ended. */
async function joinServer(queue: Queue): Promise<SharedRedis | undefined> {
  const end = openForWriting(queue.file);
  if (end === undefined) {
    // Nobody reads it. A server that is ending still has its port.
    if (await isFreePort(queue.port)) await rm(queue.file, { force: true });
    return undefined;
  }
  if ((await isAcknowledged(queue, end)) && (await isReady(queue))) {
    return share(queue.port, () => {
      closeSync(end);
    });
  }
  closeSync(end);
  return undefined;
}

/** The writing end of a queue, or `undefined` if nobody reads it. */
function openForWriting(file: string): number | undefined {
  try {
    return openSync(file, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

/** Tells the watchdog of a new user. Returns whether it listened. */
async function isAcknowledged(queue: Queue, end: number): Promise<boolean> {
  const name = `join.${randomUUID()}`;
  const file = join(queue.file, '..', name);
  await writeFile(file, '');
  try {
    writeSync(end, `${name}\n`);
    const removed = await until(acknowledgeDeadlineMs, () => {
      writeSync(end, '\n'); // fails when the last reader has left
      return !existsSync(file) || undefined;
    });
    return removed === true;
  } catch {
    return false;
  } finally {
    await rm(file, { force: true });
  }
}

/** Waits for a server that loads its data; false if it ended. */
async function isReady(queue: Queue): Promise<boolean> {
  const ready = await until(readyDeadlineMs, async () => {
    const { state, pid } = await probe(queue.port);
    if (state === 'ready' && pid === queue.pid) return true;
    return isAlive(queue.pid) && existsSync(queue.file) ? undefined : false;
  });
  if (ready === false) await rm(queue.file, { force: true });
  return ready === true;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Starts a server with this process as its first user; `undefined` if another took the port. */
async function startServer(
  executable: string,
  directory: string,
  port: number,
): Promise<SharedRedis | undefined> {
  const settings = [
    '--port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'yes',
  ];
  const server = new GuardedProcess(
    sharedWatchdog,
    [`users-${port}`, executable, ...settings],
    directory,
  );
  let isReady = false;
  try {
    isReady = await server.becomesReady(port);
  } finally {
    if (!isReady) server.leave();
  }
  return isReady ? share(port, () => server.leave()) : undefined;
}

function share(port: number, giveUp: () => void): SharedRedis {
  let held = true;
  return {
    port,
    leave: () => {
      if (held) giveUp();
      held = false;
    },
  };
}
