import type { Settlement } from '../../core/broker/lease.js';
import { keyOf } from '../../core/message/key.js';
import type { SettlementRow } from './exchange.script.js';

/** The acks and rows of settlements, and for how many ms one of them slows the queue down. */
export function settlementArguments(settlements: readonly Settlement[]): {
  readonly acks: readonly Buffer[];
  readonly rows: readonly SettlementRow[];
  readonly slowMs: number | '';
} {
  const acks: Buffer[] = [];
  const rows: SettlementRow[] = [];
  let slowMs = 0;
  /** From the last to the first, so that the script, which walks backwards, adds the oldest first. */
  const dead: SettlementRow[] = [];
  const done: SettlementRow[] = [];
  for (const settlement of settlements) {
    const { kind, element } = settlement;
    switch (kind) {
      case 'ack':
        if (settlement.onceId !== undefined)
          rows.push({ kind: 'once', element, detail: settlement.onceId });
        else if (settlement.isParked === true) rows.push({ kind: 'parked', element, detail: '' });
        else if (keyOf(element) !== undefined) done.unshift({ kind: 'done', element, detail: '' });
        else acks.push(element);
        break;
      case 'release':
        rows.push({ kind, element, detail: '' });
        break;
      case 'skip':
        rows.push({ kind, element, detail: settlement.why });
        break;
      case 'retry': {
        const { replacement, slowsQueue, slowsKey } = settlement;
        const delayMs = Math.ceil(settlement.delayMs);
        const kind = slowsKey === true ? -delayMs : delayMs;
        rows.push({ kind, element, detail: replacement });
        if (slowsQueue === true) slowMs = Math.max(slowMs, delayMs);
        break;
      }
      case 'deadLetter':
        dead.unshift({ kind, element, detail: settlement.replacement });
        break;
    }
  }
  rows.push(...dead, ...done);
  return { acks, rows, slowMs: slowMs || '' };
}
