import { describe, expect, test } from '@jest/globals';
import { Ledger } from './ledger.js';
import type { QueueDump } from './queue-dump.js';

const ONE_EXPIRED: QueueDump = {
  waiting: [],
  levels: new Map(),
  suspects: [],
  processing: new Map(),
  lanes: new Map(),
  out: new Map(),
  resting: new Map(),
  inLanes: 0,
  unkeyed: [],
  delayed: [],
  dead: [],
  expired: 1,
  repeated: 0,
  deadLettersDropped: 0,
  parked: [],
  parkedEver: 0,
};

async function ledgerOf(...sent: readonly (readonly [string, number?])[]): Promise<Ledger> {
  const ledger = new Ledger(() => []);
  for (const [id, expiresInMs] of sent)
    await ledger.send(id, () => Promise.resolve(), { expiresInMs });
  return ledger;
}

describe('a ledger, when Redis has counted one message as expired', () => {
  test('allows one message that was sent with an expiry to be missing', async () => {
    const ledger = await ledgerOf(['a', 100]);
    expect(ledger.isAllHome(ONE_EXPIRED)).toBe(true);
    expect(ledger.account(ONE_EXPIRED).violations).toEqual([]);
  });

  test.each([
    ['a message without one', [['a']]],
    ['a message without one beside a message with one', [['a'], ['b', 100]]],
    [
      'two',
      [
        ['a', 100],
        ['b', 100],
      ],
    ],
  ] as const)('does not allow %s to be missing', async (_, sent) => {
    const ledger = await ledgerOf(...sent);
    const lost = sent.map(([id]) => id);
    expect(ledger.isAllHome(ONE_EXPIRED)).toBe(false);
    expect(ledger.account(ONE_EXPIRED).violations).toContainEqual({ what: 'lost', ids: lost });
  });
});
