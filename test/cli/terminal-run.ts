import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Gives a program a terminal, types a text once it has printed what to wait for, and ends as the program does. */
const PTY = `
import json, os, pty, sys
words, waits = json.loads(sys.argv[1]), json.loads(sys.argv[2])
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(words[0], words)
seen = b''
while True:
    try:
        part = os.read(terminal, 65536)
    except OSError:
        break
    if not part:
        break
    seen += part
    sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()
    if waits and waits[0].encode() in seen:
        os.write(terminal, waits[1].encode())
        waits = []
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

export interface TerminalRun {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a Node program in a terminal. */
export async function inTerminal(
  words: readonly string[],
  environment: NodeJS.ProcessEnv,
  typed: readonly [after: string, text: string] | [] = [],
): Promise<TerminalRun> {
  const { NO_COLOR: _, ...inherited } = process.env;
  const all = JSON.stringify([process.execPath, ...words]);
  const child = spawn('python3', ['-c', PTY, all, JSON.stringify(typed)], {
    env: { ...inherited, TERM: 'xterm', ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  await once(child, 'close');
  return { code: child.exitCode, output };
}
