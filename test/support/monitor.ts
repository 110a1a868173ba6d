import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** One command as MONITOR shows it. */
export interface Monitored {
  readonly words: readonly string[];
  /** The address from which it came, or `lua` for a command of a script. */
  readonly source: string;
}

const LINE = /^\+[\d.]+ \[\d+ ([^\]]+)\] (.*)$/s;
const WORD = /"((?:[^"\\]|\\.)*)"/gs;
const ESCAPED = /\\(x[0-9a-f]{2}|.)/gi;
const MEANT: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', a: '\x07', b: '\b' };

/**
 * Listens to all commands of a Redis. (ioredis's own monitor fails if a command arrives together with the answer to
 * MONITOR.)
 */
export class Monitor {
  #rest = '';

  private constructor(
    private readonly socket: Socket,
    private readonly onCommand: (command: Monitored) => void,
  ) {
    socket.on('data', (bytes) => this.#read(bytes.toString('latin1')));
  }

  /** Resolves once Redis shows commands. */
  static async start(port: number, onCommand: (command: Monitored) => void): Promise<Monitor> {
    const socket = connect(port, '127.0.0.1');
    const monitor = new Monitor(socket, onCommand);
    const isTelling = new Promise((resolve, reject) => {
      socket.once('data', resolve);
      socket.once('error', reject);
    });
    socket.write('MONITOR\r\n');
    await isTelling;
    return monitor;
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.socket.once('close', () => resolve());
      this.socket.destroy();
    });
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\r\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const [, source, told = ''] = LINE.exec(line) ?? [];
      if (source === undefined) continue; // the answer to MONITOR
      const words = [...told.matchAll(WORD)].map(([, word = '']) => unescaped(word));
      this.onCommand({ words, source });
    }
  }
}

function unescaped(word: string): string {
  return word.replace(ESCAPED, (_, code: string) =>
    code.length === 3 ? String.fromCharCode(parseInt(code.slice(1), 16)) : (MEANT[code] ?? code),
  );
}
