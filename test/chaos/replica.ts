import { join } from 'node:path';
import { machineMs } from '../support/journal.js';
import { TestProcess } from '../support/test-process.js';
import type { Between, Way } from './servers/servers.js';
import type { ChaosSettings } from './settings.js';

/** One process of a run, from its start to its end. */
export interface Life {
  readonly name: string;
  readonly pid: number;
  readonly fromMs: number;
  /** Undefined while it lives. */
  untilMs: number | undefined;
}

export interface ReplicaOptions extends Omit<
  ChaosSettings,
  'journal' | 'switches' | 'clockAheadMs'
> {
  readonly program: 'consumer' | 'producer';
  /** The directory of its journals, its log and the switches. */
  readonly directory: string;
  /** Its own way to Redis; undefined if nothing lies between. */
  readonly way?: Way | undefined;
}

const STOP_WITHIN_MS = 30_000;

/** A producer or consumer that can be killed, stopped and started again. */
export class Replica {
  readonly lives: Life[] = [];
  /** Ids of calls that never ended. */
  readonly hung: string[] = [];
  #process: TestProcess | undefined;

  constructor(private readonly options: ReplicaOptions) {}

  get name(): string {
    return this.options.name;
  }

  get between(): Between | undefined {
    return this.options.way?.between;
  }

  async closeWay(): Promise<void> {
    await this.options.way?.close();
  }

  /** That of its latest life. */
  get pid(): number | undefined {
    return this.lives.at(-1)?.pid;
  }

  /** One for each of its lives: in a shared one, a line could be torn between two lives. */
  get journals(): string[] {
    return this.lives.map((_, index) => this.#journal(index + 1));
  }

  /** @param clockAheadMs how far its wall clock is ahead; the clock takes several values in turn */
  async start(clockAheadMs?: readonly number[]): Promise<void> {
    const { program, directory, way, ...settings } = this.options;
    const count = this.lives.length + 1;
    const started = TestProcess.launch(
      `chaos/${program}-program.js`,
      {
        ...settings,
        // Each life has ids of its own, since a killed producer does not know how far it came.
        name: `${this.name}.${count}`,
        seed: settings.seed + count,
        journal: this.#journal(count),
        switches: directory,
        connection: way?.connection ?? settings.connection,
        clockAheadMs,
      } satisfies ChaosSettings,
      {
        log: join(directory, `${this.name}.log`),
        preload: clockAheadMs === undefined ? undefined : 'programs/wrong-clock.js',
        onMessage: (told) => this.#hear(told),
      },
    );
    this.#process = started;
    const life: Life = {
      name: this.name,
      pid: started.pid,
      fromMs: machineMs(),
      untilMs: undefined,
    };
    this.lives.push(life);
    void started.ended().then(() => {
      life.untilMs = machineMs();
    });
    await started.ready();
  }

  serves(group: string): boolean {
    return this.options.groups.includes(group);
  }

  /** That of its latest life. */
  get journal(): string {
    return this.#journal(this.lives.length);
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.signal(signal);
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  /** Sends SIGTERM, as a deployment does. */
  async terminate(): Promise<void> {
    await this.#end(() => this.signal('SIGTERM'));
  }

  /** Lets a producer finish the calls that it has begun. */
  async finish(): Promise<void> {
    await this.#end(() => void this.#process?.child.send('stop'));
  }

  async #end(ask: () => void): Promise<void> {
    if ((await this.#process?.endWithin(STOP_WITHIN_MS, ask)) === false)
      throw new Error(`${this.name} did not end within ${STOP_WITHIN_MS} ms.`);
  }

  #hear(told: unknown): void {
    if (typeof told === 'object' && told !== null && 'hung' in told)
      this.hung.push(String(told.hung));
  }

  #journal(count: number): string {
    return join(this.options.directory, `${this.name}.${count}.journal`);
  }
}
