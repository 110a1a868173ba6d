import type { Answer, ConsumerSettings, Numbered, Order } from '../support/consumer-process.js';

/**
 * Loaded into a process before its program (`node --import`): its wall clock is wrong, and jumps when the test says so.
 * Only Date is shifted, as on a machine: setting its clock does not affect the monotonic clock, which
 * performance.now(), process.hrtime() and Node's timers follow.
 */
const TrueDate = Date;
const settings = JSON.parse(process.argv[2] ?? '') as ConsumerSettings; // from ConsumerProcess
let aheadMs = settings.clockAheadMs ?? [];
let readings = 0;

function now(): number {
  readings += 1;
  return TrueDate.now() + (aheadMs[readings % aheadMs.length] ?? 0);
}

globalThis.Date = new Proxy(TrueDate, {
  apply: () => new TrueDate(now()).toString(),
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as object,
  get: (target, property) =>
    property === 'now' ? now : (Reflect.get(target, property) as unknown),
});

process.on('message', (order: 'let go' | Numbered<Order>) => {
  if (order === 'let go' || order.do !== 'setClock') return;
  aheadMs = order.aheadMs;
  const answer: Numbered<Answer> = { value: Date.now(), number: order.number };
  process.send?.(answer);
});
