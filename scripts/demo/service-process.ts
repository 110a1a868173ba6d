import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { packageDirectory } from './package-directory.js';
import { waitUntil } from './wait-until.js';

export interface ServiceStart {
  /** Name of the workspace; its compiled `main.js` is what runs. */
  readonly name: string;
  /** In addition to the environment of this process. */
  readonly environment: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const READY_WITHIN_MS = 30_000;
const STOP_WITHIN_MS = 15_000;
const MAX_OUTPUT_CHARACTERS = 20_000;

// A service ends when this process does, even by SIGKILL: its stdin is a pipe that the kernel then closes. This is a
// preload, so that the service itself needs to know nothing about it.
const exitWithParent = `data:text/javascript,${encodeURIComponent(
  "process.stdin.on('end', () => process.exit(1)).resume().unref();",
)}`;

/** One of the two services as a process of its own. */
export class ServiceProcess {
  readonly name: string;
  /** Resolves when the process is gone, for whatever reason. Never rejects. */
  readonly exited: Promise<Exit>;

  readonly #child: ChildProcess;
  #output = '';
  #exit: Exit | undefined;
  #address = '';

  /** Resolves when the service says that it is ready; rejects with its output if it cannot start. */
  static async start(options: ServiceStart): Promise<ServiceProcess> {
    const service = new ServiceProcess(options);
    try {
      await service.#becomeReady(options.signal);
      return service;
    } catch (error) {
      await service.kill();
      throw error;
    }
  }

  private constructor({ name, environment }: ServiceStart) {
    this.name = name;
    const main = join(packageDirectory(name), 'dist', 'main.js');
    this.#child = spawn(
      process.execPath,
      ['--enable-source-maps', '--import', exitWithParent, main],
      {
        env: { ...process.env, NO_COLOR: '1', ...environment },
        // In a process group of its own: Ctrl-C in the terminal reaches only this process, which then stops the
        // services in order.
        detached: true,
      },
    );
    this.#collect(this.#child.stdout);
    this.#collect(this.#child.stderr);
    this.exited = this.#watchExit();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Where it listens, according to its ready line; empty for a service that does not listen. */
  get address(): string {
    return this.#address;
  }

  /** The end of what the service has printed. */
  get output(): string {
    return this.#output;
  }

  /** SIGKILL: the process gets no chance to tidy up. May be called after it is gone. */
  async kill(): Promise<Exit> {
    this.#child.kill('SIGKILL');
    return this.exited;
  }

  /**
   * SIGTERM. May be called after it is gone. Rejects if only SIGKILL helped.
   * @param hurry when it fires, the process gets no more time
   */
  async stop(hurry?: AbortSignal): Promise<void> {
    const late = AbortSignal.timeout(STOP_WITHIN_MS);
    const enough = hurry === undefined ? late : AbortSignal.any([late, hurry]);
    const kill = (): void => void this.#child.kill('SIGKILL');
    this.#child.kill('SIGTERM');
    enough.addEventListener('abort', kill);
    if (enough.aborted) kill();
    await this.exited;
    enough.removeEventListener('abort', kill);
    if (late.aborted) {
      throw new Error(`${this.name} did not stop on SIGTERM. Its output:\n${this.#output}`);
    }
  }

  async #becomeReady(signal: AbortSignal | undefined): Promise<void> {
    const readyLine = new RegExp(`${this.name} is ready(?:: (\\S+))?`);
    const isReady = (): boolean => {
      const match = readyLine.exec(this.#output);
      if (match === null && this.#exit !== undefined) {
        throw new Error(describeExit(this.#exit));
      }
      this.#address = match?.[1] ?? '';
      return match !== null;
    };
    try {
      await waitUntil('it to be ready', isReady, { signal, withinMs: READY_WITHIN_MS });
    } catch (cause) {
      signal?.throwIfAborted();
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${this.name} did not start: ${reason}. Its output:\n${this.#output}`, {
        cause,
      });
    }
  }

  async #watchExit(): Promise<Exit> {
    // However this process ends, it leaves no service behind.
    const killNow = (): void => void this.#child.kill('SIGKILL');
    process.once('exit', killNow);
    this.#exit = await new Promise<Exit>((resolve) => {
      this.#child.once('close', (code, signal) => resolve({ code, signal }));
      this.#child.once('error', (error) => {
        this.#output += error.message;
        resolve({ code: null, signal: null });
      });
    });
    process.off('exit', killNow);
    return this.#exit;
  }

  #collect(stream: Readable | null): void {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      this.#output = (this.#output + text).slice(-MAX_OUTPUT_CHARACTERS);
    });
  }
}

export function describeExit({ code, signal }: Exit): string {
  return signal === null ? `it ended with status ${code ?? 'unknown'}` : `it ended by ${signal}`;
}
