import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Switch =
  /** What the handlers need is away: nearly all attempts fail. */
  | 'databaseAway'
  /** Handlers that were told to hold may end. */
  | 'letGo';

/** What a run tells all of its processes at once, those included that start later: a file for each switch that is on. */
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
