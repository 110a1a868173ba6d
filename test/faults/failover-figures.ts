import { appendFileSync } from 'node:fs';
import type { Books } from './failover-stage.js';

/** With FAULT_FIGURES, a file gets a line of JSON for each round: how long it took until everything went on, and the books. */
export function noteRound(fault: string, resumedMs: number, books: Books): void {
  const file = process.env['FAULT_FIGURES'];
  if (file === undefined) return;
  const lostByRedis = books.lostByRedis.length;
  const figures = { fault, resumedMs: Math.round(resumedMs), ...books, lostByRedis };
  appendFileSync(file, `${JSON.stringify(figures)}\n`);
}
