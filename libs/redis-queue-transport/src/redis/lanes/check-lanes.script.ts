import type { LaneCheck } from '../../core/admin/admin-broker.js';
import { Script, readArray, readBuffer, readNumber } from '../script/script.js';
import { AUDITED, AUDIT_LANES } from './audit-lua.js';
import { countIn } from './keys-in-use.js';

/**
 * Compares what is counted of keys with what is there. Replies with 0 if the queue is too long, or { the wrong keys, what
 * is counted of all lanes, how many are in them }, as AUDIT_LANES returns them.
 */
export const checkLanes = new Script({
  action: 'check the lanes',
  keys: AUDITED,
  args: [],
  readsOnly: true,
  shared: [AUDIT_LANES],
  lua: `
local wrong, counted, inLanes = auditLanes({})
return wrong and { wrong, counted, inLanes } or 0
`,
  read: (reply): LaneCheck | undefined => (reply === 0 ? undefined : readCheck(readArray(reply))),
});

/** What AUDIT_LANES returned. */
export function readCheck([wrong, counted, there]: readonly unknown[]): LaneCheck {
  return {
    inLanes: { counted: countIn(readBuffer(counted).toString()), there: readNumber(there) },
    wrong: readArray(wrong).map((one) => {
      const [key, says, out, waiting] = readArray(one);
      return {
        key: readBuffer(key).toString(),
        counted: countIn(readBuffer(says).toString()),
        out: readNumber(out),
        waiting: readNumber(waiting),
      };
    }),
  };
}
