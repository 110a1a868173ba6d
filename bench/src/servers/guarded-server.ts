import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { pause } from '../clock.js';

const READY_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 10_000;
const POLL_MS = 50;

/**
 * A watchdog in the server's process group: however this process ends, the pipe on descriptor 3 then closes, and the
 * watchdog kills the whole group.
 */
const WATCHDOG = `
(while read -r word; do :; done; kill -KILL 0) <&3 3<&- >/dev/null 2>&1 &
exec "$@" 3<&-`;

/** Any server program, with a directory of its own, that does not outlive this process. */
export class GuardedServer {
  readonly #ended: Promise<unknown>;
  #hasEnded = false;

  private constructor(
    private readonly child: ChildProcess,
    private readonly directory: string,
  ) {
    this.#ended = new Promise((resolve) => child.once('exit', resolve)).then(() => {
      this.#hasEnded = true;
    });
  }

  /** Starts `command(directory)` and waits until something listens on the port. */
  static async start(
    port: number,
    command: (directory: string) => readonly string[],
    environment: (directory: string) => NodeJS.ProcessEnv = () => ({}),
  ): Promise<GuardedServer> {
    const directory = await mkdtemp(join(tmpdir(), 'bench-'));
    const log = openSync(join(directory, 'server.log'), 'a');
    const child = spawn('sh', ['-c', WATCHDOG, 'bench', ...command(directory)], {
      cwd: directory,
      detached: true,
      stdio: ['ignore', log, log, 'pipe'],
      env: { ...process.env, ...environment(directory) },
    });
    closeSync(log);
    child.once('error', () => undefined); // it then ends without having listened
    const server = new GuardedServer(child, directory);
    await server.#listening(port);
    return server;
  }

  /** The program's own pid: the shell became the program. */
  get pid(): number {
    return this.child.pid ?? 0;
  }

  async stop(): Promise<void> {
    if (!this.#hasEnded) {
      this.child.kill('SIGTERM');
      const done = new AbortController();
      const deadline = setTimeout(STOP_DEADLINE_MS, undefined, { signal: done.signal });
      await Promise.race([this.#ended, deadline]);
      done.abort(); // an otherwise idle process need not wait for it
      await deadline.catch(() => undefined);
    }
    // Ends the watchdog, which kills whatever is left of the group.
    (this.child.stdio[3] as Writable).destroy();
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }

  async #listening(port: number): Promise<void> {
    const deadline = Date.now() + READY_DEADLINE_MS;
    while (!(await isListening(port))) {
      if (this.#hasEnded || Date.now() > deadline) {
        const log = await readFile(join(this.directory, 'server.log'), 'utf8');
        await this.stop();
        throw new Error(`the server did not start:\n${log.slice(-2_000)}`);
      }
      await pause(POLL_MS);
    }
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    const answer = (isThere: boolean): void => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
  });
}
