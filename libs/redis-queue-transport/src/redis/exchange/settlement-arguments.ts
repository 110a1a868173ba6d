import type { Settlement } from '../../core/broker/lease.js';
import { keyOf } from '../../core/message/key.js';
import type { SettlementRow } from './exchange.script.js';

/** The acks and rows of settlements. */
export function settlementArguments(settlements: readonly Settlement[]): {
  readonly acks: readonly Buffer[];
  readonly rows: readonly SettlementRow[];
} {
  const acks: Buffer[] = [];
  const rows: SettlementRow[] = [];
  /** From the last to the first, so that the script, which walks backwards, adds the oldest first. */
  const dead: SettlementRow[] = [];
  const done: SettlementRow[] = [];
  /** Last of all, so that a key rests before what else is settled lets its next message go on. */
  const slowing: SettlementRow[] = [];
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
        if (slowsKey === true) slowing.push({ kind: -delayMs, element, detail: replacement });
        else {
          const kind = slowsQueue === true ? `+${delayMs}` : delayMs;
          rows.push({ kind, element, detail: replacement });
        }
        break;
      }
      case 'deadLetter':
        dead.unshift({ kind, element, detail: settlement.replacement });
        break;
    }
  }
  rows.push(...dead, ...done, ...slowing);
  return { acks, rows };
}
