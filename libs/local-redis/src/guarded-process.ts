import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { probe } from './probe.js';
import { until } from './until.js';

// Long enough to load a large append-only file.
const readyDeadlineMs = 60_000;
const shownOfLog = 2_000;

/**
 * A redis-server that does not outlive its users, however they end.
 *
 * The given shell script starts a watchdog and then becomes the server (`exec`), so `pid` is the server's. The watchdog
 * holds the reading end of a pipe (file descriptor 3 of the script) whose writing end is here: when this process ends,
 * even by SIGKILL, the kernel closes it. The watchdog starts before the server, so the server is never unguarded. Both
 * are in a session of their own, where Ctrl+C in a terminal does not reach them, and neither keeps this process
 * running.
 */
export class GuardedProcess {
  readonly pid: number;
  /** Resolves when the server has ended. */
  readonly ended: Promise<void>;
  #hasEnded = false;
  readonly #child: ChildProcess;
  readonly #lifeline: Writable;
  readonly #logFile: string;
  /** How long the log was before this run, in bytes. */
  readonly #logStart: number;

  /** Runs `script` in `directory`; what the server prints is added to `redis.log` there. */
  constructor(
    script: string,
    scriptArguments: readonly string[],
    directory: string,
    environment: Readonly<Record<string, string>> = {},
  ) {
    this.#logFile = join(directory, 'redis.log');
    const log = openSync(this.#logFile, 'a');
    this.#logStart = fstatSync(log).size;
    this.#child = spawn('sh', ['-c', script, 'local-redis', ...scriptArguments], {
      cwd: directory,
      env: { ...process.env, ...environment },
      detached: true,
      stdio: ['ignore', log, log, 'pipe'],
    });
    closeSync(log);
    this.#child.on('error', () => undefined); // a failed start shows in the missing pid
    if (this.#child.pid === undefined) throw new Error('cannot start sh');
    this.pid = this.#child.pid;
    // The types leave open which way a descriptor above 2 goes; 'pipe' makes it a socket.
    const lifeline = this.#child.stdio[3] as Writable & { unref(): void };
    lifeline.on('error', () => undefined);
    lifeline.unref();
    this.#lifeline = lifeline;
    this.#child.unref();
    this.ended = new Promise((resolve) => {
      this.#child.once('exit', () => {
        this.#hasEnded = true;
        // From now on, another process can have this number.
        this.tell('gone');
        resolve();
      });
    });
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /**
   * Waits until this server itself replies on `port`: another one may hold the port. Returns false if the port was
   * taken. Rejects with the server's output if it ended for another reason, or was not ready within a minute. Unless
   * this returns true, the server has ended.
   */
  async becomesReady(port: number): Promise<boolean> {
    const ready = await until(readyDeadlineMs, async () => {
      if (this.#hasEnded) return false;
      const { state, pid } = await probe(port);
      return state === 'ready' && (pid === undefined || pid === this.pid) ? true : undefined;
    });
    if (ready === true) return true;
    this.signal('SIGKILL');
    await this.waitForEnd();
    // Its directory may be gone by now, and the log with it.
    const file = await readFile(this.#logFile).catch(() => Buffer.alloc(0));
    const log = file.subarray(this.#logStart).toString();
    if (/Address already in use/i.test(log)) return false;
    const shown = log.slice(-shownOfLog).trim() || '(it wrote nothing)';
    throw new Error(`redis-server did not start: see ${this.#logFile}\n${shown}`);
  }

  /** Sends a signal, unless the server has ended. */
  signal(name: NodeJS.Signals): void {
    if (!this.#hasEnded) this.#child.kill(name);
  }

  /** Like `ended`, but keeps this process running meanwhile. */
  async waitForEnd(): Promise<void> {
    this.#child.ref();
    await this.ended;
  }

  /** Sends the watchdog a word that its script knows. */
  tell(word: string): void {
    if (this.#lifeline.writable) this.#lifeline.write(`${word}\n`);
  }

  /** Gives up this process's share: to the watchdog, this process looks as if it had ended. */
  leave(): void {
    this.#lifeline.destroy();
  }
}
