import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { compileEngine } from './broken/compile-engine.js';

/** Compiles what the simulation runs, beside the sources that it imports, and runs it. */
const folder = join(process.cwd(), 'node_modules/.cache/simulation');
await rm(folder, { recursive: true, force: true });
await compileEngine(folder);
const program = join(folder, 'test/simulation/main.js');
const simulation = spawn(process.execPath, [program, ...process.argv.slice(2)], {
  stdio: 'inherit',
});
simulation.once('close', (status) => {
  process.exitCode = status ?? 1;
});
