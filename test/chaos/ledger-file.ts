import { appendFileSync, readFileSync } from 'node:fs';

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
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => {
    const [event = '', id = '', detail = ''] = line.split(' ');
    return { event: event as LedgerEvent, id, detail }; // LedgerFile wrote it
  });
}
