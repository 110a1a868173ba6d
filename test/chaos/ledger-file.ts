import { appendFileSync, closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';

/**
 * What is written down. Of a sender: `sent` before a call, then how it ended (`held`, `refused`, `unknown`, and of a
 * request `answered`, `failed`). Of a handler: `start` and `end`.
 */
export type LedgerEvent =
  | 'sent'
  | 'held'
  | 'refused'
  | 'unknown'
  | 'asked'
  | 'answered'
  | 'failed'
  | 'emitted'
  | 'start'
  | 'end'
  | 'heard';

export interface LedgerLine {
  readonly event: LedgerEvent;
  readonly id: string;
  /** Of a `sent`: `expires` when the message may rightly vanish. Of a `start`: the attempt. */
  readonly detail: string;
}

/** One process's ledger: written synchronously, so that a line outlives a SIGKILL that follows it. */
export class LedgerFile {
  constructor(private readonly path: string) {}

  write(event: LedgerEvent, id: string, detail = ''): void {
    appendFileSync(this.path, `${event} ${id} ${detail}\n`);
  }
}

export function readLedger(path: string): readonly LedgerLine[] {
  if (!existsSync(path)) return []; // nothing happened
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => {
    const [event = '', id = '', detail = ''] = line.split(' ');
    return { event: event as LedgerEvent, id, detail }; // LedgerFile wrote it
  });
}

/** Reads what was added to some ledgers since it was last asked. */
export class LedgerTail {
  readonly #positions = new Map<string, number>();

  constructor(private readonly paths: readonly string[]) {}

  /** Whether a handler ended since the last call. */
  hasNewEnd(): boolean {
    return this.paths.map((path) => this.#added(path)).some((text) => text.includes('end '));
  }

  #added(path: string): string {
    if (!existsSync(path)) return '';
    const file = openSync(path, 'r');
    const chunk = Buffer.alloc(1_048_576);
    let text = '';
    let position = this.#positions.get(path) ?? 0;
    for (
      let length;
      (length = readSync(file, chunk, 0, chunk.length, position)) > 0;
      position += length
    ) {
      text += chunk.toString('utf8', 0, length);
    }
    closeSync(file);
    this.#positions.set(path, position);
    return text;
  }
}
