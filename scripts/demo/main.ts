import { parseDemoArguments, usage, UsageError, type DemoArguments } from './arguments.js';
import { Cleanup } from './cleanup.js';
import { runDemo } from './demo-run.js';
import { Display } from './display.js';
import { Interrupted, listenForInterruption, type Interruption } from './interruption.js';
import { openPage } from './page/page-run.js';
import { footnotes, jsonLine, table, verdict } from './report.js';
import { whereToLook } from './where-to-look.js';

const CLEANUP_WITHIN_MS = 60_000;

const introduction = `A shop on one Redis. Its services and Redis itself are killed (SIGKILL) while customers order. Whatever dies, no
accepted order may be lost, and none may be filled, paid or e-mailed about twice. About half a minute; Ctrl-C ends it.`;

/** Resolves with the exit status. */
async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseDemoArguments(args);
    if (!options.help) return await demo(options);
    process.stdout.write(usage);
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`${error.message}\n\n${usage}`);
      return 2;
    }
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

async function demo(options: DemoArguments): Promise<number> {
  const interruption = listenForInterruption();
  const cleanup = new Cleanup();
  try {
    return options.page
      ? await showPage(cleanup, interruption)
      : await show(options, cleanup, interruption);
  } catch (error) {
    if (error instanceof Interrupted) return 130;
    throw error;
  } finally {
    await tidyUp(cleanup);
  }
}

async function show(
  { orders, json, keep }: DemoArguments,
  cleanup: Cleanup,
  { signal, again, happened }: Interruption,
): Promise<number> {
  // With --json, stdout is for the one line.
  const people = json ? process.stderr : process.stdout;
  const display = new Display(people);
  display.note(introduction);
  const result = await runDemo({ orders, display, cleanup, signal, hurry: again });
  const { books, discrepancies, stage } = result;
  people.write(`\n${table(books)}\n${footnotes(books)}\n${verdict(discrepancies)}`);
  if (json) process.stdout.write(jsonLine(result));
  if (keep) {
    people.write(`\n${whereToLook(stage)}`);
    await happened;
  }
  return discrepancies.length === 0 ? 0 : 1;
}

/** Runs until somebody interrupts, or the process that serves the page is gone. */
async function showPage(
  cleanup: Cleanup,
  { signal, again, happened }: Interruption,
): Promise<number> {
  const { stdout } = process;
  stdout.write('Starting Redis and four processes of two services …\n');
  const { address, stage, gone } = await openPage({
    cleanup,
    signal,
    hurry: again,
    onCrash: (error) => void stdout.write(`${error.message}\n`),
  });
  stdout.write(`Redis is at ${stage.redis.description}.\n\nOpen ${address}\n\n`);
  stdout.write(
    'Place orders there, kill processes and start them. Ctrl-C stops everything and removes it.\n',
  );
  await Promise.race([happened, gone]);
  return signal.aborted ? 0 : 1;
}

/** The demo ends in any case: an exit listener kills whatever does not stop in time. */
async function tidyUp(cleanup: Cleanup): Promise<void> {
  const timer = setTimeout(() => {
    process.stderr.write(`not everything stopped within ${CLEANUP_WITHIN_MS / 1_000} s\n`);
    process.exit(1);
  }, CLEANUP_WITHIN_MS);
  for (const error of await cleanup.run()) {
    process.stderr.write(
      `while stopping: ${error instanceof Error ? error.message : String(error)}\n`,
    );
  }
  clearTimeout(timer);
}

process.exit(await main(process.argv.slice(2)));
