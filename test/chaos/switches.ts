import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Switch =
  /** The handlers' database is away: nearly all attempts fail. */
  | 'databaseAway'
  /** Handlers that hold may end. */
  | 'letGo';

/** Signals from a run to all of its processes, including those that start later: a file for each switch that is on. */
export class Switches {
  constructor(private readonly directory: string) {}

  isOn(name: Switch): boolean {
    return existsSync(join(this.directory, name));
  }

  turnOn(name: Switch): void {
    writeFileSync(join(this.directory, name), '');
  }

  turnOff(name: Switch): void {
    rmSync(join(this.directory, name));
  }
}
