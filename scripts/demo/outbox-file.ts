import { open, readFile } from 'node:fs/promises';

export interface OutboxEntry {
  readonly orderId: string;
  readonly outcome: string;
}

/** Reads the e-mails that order-service has written, while it may still be writing. */
export class OutboxFile {
  #countedBytes = 0;
  #count = 0;
  #counting: Promise<number> | undefined;

  constructor(readonly path: string) {}

  /** Looks only at what is new since the last look. Calls at the same time share one. */
  count(): Promise<number> {
    this.#counting ??= this.#countFresh().finally(() => {
      this.#counting = undefined;
    });
    return this.#counting;
  }

  /** Without what follows the last newline, which is not complete. */
  async read(): Promise<OutboxEntry[]> {
    const lines = (await readFile(this.path, 'utf8')).split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as OutboxEntry);
  }

  async #countFresh(): Promise<number> {
    const file = await open(this.path);
    try {
      const { size } = await file.stat();
      const fresh = Buffer.alloc(size - this.#countedBytes);
      const { bytesRead } = await file.read(fresh, 0, fresh.length, this.#countedBytes);
      this.#countedBytes += bytesRead;
      this.#count += countNewlines(fresh.subarray(0, bytesRead));
    } finally {
      await file.close();
    }
    return this.#count;
  }
}

function countNewlines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf('\n'); at !== -1; at = bytes.indexOf('\n', at + 1)) count += 1;
  return count;
}
