import { readdir, readFile } from 'node:fs/promises';

/** What a server has done so far. */
export interface ServerFigures {
  /** CPU time in µs; undefined if the system does not tell it. */
  readonly cpuUs: number | undefined;
  /** Redis only, and without the commands that ask for these figures. */
  readonly redis:
    | {
        readonly commands: number;
        readonly bytesIn: number;
        readonly bytesOut: number;
        readonly memoryBytes: number;
      }
    | undefined;
}

/** A server that one sample, or all samples of a run, use alone. */
export interface BenchServer {
  readonly url: string;
  figures(): Promise<ServerFigures>;
  stop(): Promise<void>;
}

/** Linux counts CPU time in hundredths of a second there. */
const US_PER_TICK = 10_000;

/**
 * CPU time so far, in µs, of a process that leads a session, and of all that it started: some servers run under a
 * shell. Undefined without /proc.
 */
export async function cpuUsOf(leader: number): Promise<number | undefined> {
  const names = await readdir('/proc').catch(() => undefined);
  if (names === undefined) return undefined;
  const stats = await Promise.all(
    names.filter((name) => /^\d+$/.test(name)).map((pid) => readStat(pid)),
  );
  const ticks = stats
    .filter(({ session }) => session === leader)
    .reduce((sum, stat) => sum + stat.ticks, 0);
  return ticks * US_PER_TICK;
}

async function readStat(pid: string): Promise<{ session: number; ticks: number }> {
  // A process may have ended meanwhile.
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name of the program, in parentheses, may contain spaces; after it come state, parent, group, session, …
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { session: Number(fields[3]), ticks: Number(fields[11]) + Number(fields[12]) };
}
