#!/usr/bin/env node
import { setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { EXIT } from './words/exit-code.js';
import { program } from './program.js';

const INTERRUPTS = ['SIGINT', 'SIGTERM'] as const;

// The arguments may include an address with a password, which others could see in the list of processes.
process.title = 'redis-queue';

const interrupted = new AbortController();
// Each request that waits for its reply adds a listener.
setMaxListeners(Infinity, interrupted.signal);
for (const signal of INTERRUPTS) {
  process.once(signal, () => {
    interrupted.abort();
    // A second signal ends the program at once.
    process.once(signal, () => process.exit(EXIT.interrupted));
  });
}

// The reader of the output has closed it, as in `redis-queue tail … | head`.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.done);
    throw error;
  });
}

process.exitCode = await program(process.argv.slice(2), {
  out: process.stdout,
  err: process.stderr,
  input: process.stdin,
  environment: process.env,
  directory: process.cwd(),
  signal: interrupted.signal,
  version: () => {
    const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
    return String((JSON.parse(text) as { version: unknown }).version); // our own file
  },
});
