import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { logFile } from './redis-log.js';

/**
 * A redis-server that does not outlive those who use it, however they end.
 *
 * The given shell script starts a watchdog and then becomes the server (`exec`), so `pid` is the
 * server's. The watchdog holds the reading end of a pipe (file descriptor 3 of the script) whose
 * writing end is here: when this process ends, by SIGKILL too, the kernel closes it. Because the
 * watchdog is there before the server is, no moment is unguarded. Both are in a session of their
 * own, where Ctrl+C in a terminal does not reach them, and neither keeps this process running.
 */
export class GuardedProcess {
  readonly pid: number;
  /** Resolves when the server has ended. */
  readonly ended: Promise<void>;
  #hasEnded = false;
  readonly #child: ChildProcess;
  readonly #lifeline: Writable;

  /** Runs `script` in `directory`; what the server prints is added to the log there. */
  constructor(
    script: string,
    scriptArguments: readonly string[],
    directory: string,
    environment: Readonly<Record<string, string>> = {},
  ) {
    const log = openSync(logFile(directory), 'a');
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
        // From now on the number can be another process's.
        this.tell('gone');
        resolve();
      });
    });
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
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

  /** Gives the watchdog a word of its script. */
  tell(word: string): void {
    if (this.#lifeline.writable) this.#lifeline.write(`${word}\n`);
  }

  /** Gives up this process's share: to the watchdog it looks as if this process had ended. */
  leave(): void {
    this.#lifeline.destroy();
  }
}
