import { execFile } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const SOURCE = resolve('test/support/stepped-clock.c');

/**
 * A clock for a redis-server that a test sets as an administrator sets that of a machine: forward or back, while the
 * monotonic clock goes on.
 */
export class SteppedClock {
  /** For the program that uses this clock. */
  readonly environment: Readonly<Record<string, string>>;
  readonly #file: number;
  #aheadMs = 0;

  private constructor(private readonly directory: string) {
    const file = join(directory, 'ahead');
    this.#file = openSync(file, 'w+');
    this.environment = { LD_PRELOAD: join(directory, 'clock.so'), STEPPED_CLOCK: file };
    this.step(0);
  }

  /** Undefined if there is no C compiler, or programs cannot load a library of ours. */
  static async make(): Promise<SteppedClock | undefined> {
    if (process.platform !== 'linux') return undefined;
    const directory = mkdtempSync(join(tmpdir(), 'stepped-clock-'));
    const library = join(directory, 'clock.so');
    try {
      await promisify(execFile)('cc', ['-O1', '-shared', '-fPIC', '-o', library, SOURCE]);
    } catch {
      rmSync(directory, { recursive: true });
      return undefined;
    }
    return new SteppedClock(directory);
  }

  /** Sets it forward, or back, by this much. */
  step(ms: number): void {
    this.#aheadMs += ms;
    const us = Buffer.alloc(8);
    us.writeBigInt64LE(BigInt(this.#aheadMs) * 1_000n);
    writeSync(this.#file, us, 0, us.length, 0);
  }

  close(): void {
    closeSync(this.#file);
    rmSync(this.directory, { recursive: true });
  }
}
