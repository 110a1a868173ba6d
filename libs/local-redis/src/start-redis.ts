import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findRedisServer } from './find-redis-server.js';
import { findFreePort } from './free-port.js';
import { GuardedProcess } from './guarded-process.js';
import { privateWatchdog } from './private-watchdog.js';

/** Settings by their names in redis.conf; a value is written there as it is, an empty one as `""`. */
type RedisSettings = Readonly<Record<string, string>>;

/** How `startRedis` starts a server. */
export interface StartRedisOptions {
  /**
   * Lines of redis.conf, by name; they override the defaults (`save ""`, `appendonly no`,
   * `bind 127.0.0.1`). For TLS add `tls-port` and the `tls-*-file` settings: the plain port stays,
   * since `startRedis` and `restart` find out through it whether the server is ready.
   */
  readonly settings?: RedisSettings;
  /** Where the server keeps its files. Default: a new temporary directory, removed by `stop`. */
  readonly directory?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Starts a Sentinel: settings are lines of its configuration file. */
  readonly isSentinel?: boolean;
  /** Variables of the server's environment, in addition to those of this process. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** A redis-server that belongs to this process alone and ends with it, however that ends. */
export interface LocalRedis {
  readonly url: string;
  readonly port: number;
  /** The process id of the redis-server itself; a `restart` changes it. */
  readonly pid: number;
  /** Ends the server in order, even if it is paused, and removes its temporary directory. Idempotent. */
  stop(): Promise<void>;
  /** Ends the server with SIGKILL; resolves when it is gone. Its files stay for a `restart`. */
  kill(): Promise<void>;
  /**
   * Starts the server again with the same port, files and settings, and resolves when it replies, after it has loaded
   * its data. Ends it in order first if it still runs.
   */
  restart(): Promise<void>;
  /** Freezes the server (SIGSTOP): connections stay open, but it does not respond. */
  pause(): void;
  /** Lets a paused server go on (SIGCONT). */
  resume(): void;
}

const maxAttempts = 5;
const stopDeadlineMs = 10_000;

/** Starts a private redis-server and resolves when it replies. Rejects with its log if it ends. */
export async function startRedis(options: StartRedisOptions = {}): Promise<LocalRedis> {
  const executable = await findRedisServer();
  for (let attempt = 1; ; attempt += 1) {
    const server = new PrivateRedis({
      executable,
      directory: options.directory ?? (await mkdtemp(join(tmpdir(), 'local-redis-'))),
      temporary: options.directory === undefined,
      port: options.port ?? (await findFreePort()),
      settings: options.settings ?? {},
      isSentinel: options.isSentinel ?? false,
      environment: options.environment ?? {},
    });
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.stop();
      const tryAnotherPort = error instanceof PortTakenError && options.port === undefined;
      if (!tryAnotherPort || attempt === maxAttempts) throw error;
    }
  }
}

class PortTakenError extends Error {
  override readonly name = 'PortTakenError';
}

interface PrivateRedisOptions {
  readonly executable: string;
  readonly directory: string;
  /** Whether `stop` removes the directory. */
  readonly temporary: boolean;
  readonly port: number;
  readonly settings: RedisSettings;
  readonly isSentinel: boolean;
  readonly environment: Readonly<Record<string, string>>;
}

function configFile(settings: RedisSettings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} ${value === '' ? '""' : value}\n`)
    .join('');
}

class PrivateRedis implements LocalRedis {
  readonly port: number;
  readonly #options: PrivateRedisOptions;
  /** The latest run of the server. */
  #server: GuardedProcess | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: PrivateRedisOptions) {
    this.port = options.port;
    this.#options = options;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    if (!this.#server) throw new Error('this Redis was not started');
    return this.#server.pid;
  }

  async start(): Promise<void> {
    const { executable, directory, temporary, settings, isSentinel, environment } = this.#options;
    const place = { port: String(this.port), bind: '127.0.0.1' };
    const defaults = isSentinel ? place : { ...place, save: '', appendonly: 'no' };
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'redis.conf'), configFile({ ...defaults, ...settings }));
    const previous = this.#server;
    const server = new GuardedProcess(
      privateWatchdog,
      [temporary ? directory : '', executable, 'redis.conf', ...(isSentinel ? ['--sentinel'] : [])],
      directory,
      environment,
    );
    this.#server = server;
    previous?.tell('done');
    if (await server.becomesReady(this.port)) return;
    throw new PortTakenError(`port ${this.port} on 127.0.0.1 is taken`);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async kill(): Promise<void> {
    this.#server?.signal('SIGKILL');
    await this.#server?.waitForEnd();
  }

  async restart(): Promise<void> {
    if (this.#stopping) throw new Error('this Redis was stopped: start a new one');
    await this.#end();
    await this.start();
  }

  pause(): void {
    this.#running().signal('SIGSTOP');
  }

  resume(): void {
    this.#running().signal('SIGCONT');
  }

  async #stop(): Promise<void> {
    await this.#end();
    const { directory, temporary } = this.#options;
    if (temporary) await rm(directory, { recursive: true, force: true });
    this.#server?.tell('done');
    this.#server?.leave();
  }

  async #end(): Promise<void> {
    const server = this.#server;
    if (!server || server.hasEnded) return;
    server.signal('SIGCONT');
    server.signal('SIGTERM');
    const impatience = setTimeout(() => {
      server.signal('SIGKILL');
    }, stopDeadlineMs);
    await server.waitForEnd();
    clearTimeout(impatience);
  }

  #running(): GuardedProcess {
    if (!this.#server || this.#server.hasEnded) throw new Error('this Redis is not running');
    return this.#server;
  }
}
