import { expect, test } from '@jest/globals';
import { trace } from '@opentelemetry/api';
import type { ObservedDelivery } from '../../index.js';
import { sendersOf } from './senders.js';

const SPAN = 'b7ad6b7169203331';

function sentBy(traceId: string): ObservedDelivery {
  return {
    queue: 'work',
    id: undefined,
    attempt: 1,
    pattern: undefined,
    headers: { traceparent: `00-${traceId}-${SPAN}-01` },
    sentAtMs: undefined,
    isLive: false,
  };
}

const [ONE, OTHER] = ['1'.repeat(32), '2'.repeat(32)];

test('messages of one span have it as their parent', () => {
  const { parent, links } = sendersOf([sentBy(ONE), sentBy(ONE)], false);
  expect(trace.getSpanContext(parent)).toMatchObject({ traceId: ONE, spanId: SPAN });
  expect(links).toEqual([]);
});

test('spans of different traces are different, even if somebody gave them one id', () => {
  const { parent, links } = sendersOf([sentBy(ONE), sentBy(OTHER)], false);
  expect(trace.getSpanContext(parent)).toBeUndefined();
  expect(links.map(({ context }) => context.traceId)).toEqual([ONE, OTHER]);
});
