import { describe, expect, test } from '@jest/globals';
import { createTraceState } from '@opentelemetry/api';
import { spanOfHeaders, traceHeaders } from './trace-context.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

describe('a span as headers', () => {
  test('names trace, span and flags', () => {
    expect(traceHeaders({ traceId: TRACE, spanId: SPAN, traceFlags: 1 })).toEqual({
      traceparent: `00-${TRACE}-${SPAN}-01`,
    });
  });

  test('has the state that came with the trace', () => {
    const traceState = createTraceState('vendor=a,other=b');
    expect(traceHeaders({ traceId: TRACE, spanId: SPAN, traceFlags: 0, traceState })).toEqual({
      traceparent: `00-${TRACE}-${SPAN}-00`,
      tracestate: 'vendor=a,other=b',
    });
  });

  test('is none without a trace', () => {
    const none = { traceId: '0'.repeat(32), spanId: '0'.repeat(16), traceFlags: 0 };
    expect(traceHeaders(none)).toBeUndefined();
  });
});

describe('headers as a span', () => {
  test('say who sent the message', () => {
    const headers = { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'vendor=a' };
    const span = spanOfHeaders(headers);
    expect(span).toMatchObject({ traceId: TRACE, spanId: SPAN, traceFlags: 1, isRemote: true });
    expect(span?.traceState?.serialize()).toBe('vendor=a');
  });

  test('may be of a later version, which has more', () => {
    expect(spanOfHeaders({ traceparent: `01-${TRACE}-${SPAN}-03-more` })).toMatchObject({
      traceFlags: 3,
    });
  });

  test.each([
    ['nothing', undefined],
    ['no text', ''],
    ['another text', 'hello'],
    ['upper case', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
    ['zeros for a trace', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['zeros for a span', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['the version that cannot be', `ff-${TRACE}-${SPAN}-01`],
    ['more than this version has', `00-${TRACE}-${SPAN}-01-more`],
    ['too few digits', `00-${TRACE}-${SPAN}-1`],
    ['a long text', `00-${'a'.repeat(60_000)}`],
  ])('are none if there is %s', (_, traceparent) => {
    expect(spanOfHeaders(traceparent === undefined ? {} : { traceparent })).toBeUndefined();
  });

  test('are not those that every object has', () => {
    const headers = Object.create({ traceparent: `00-${TRACE}-${SPAN}-01` }) as Record<
      string,
      string
    >;
    expect(spanOfHeaders(headers)).toBeUndefined();
  });

  test('keep the trace if the state cannot be read', () => {
    const headers = { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: '=,=;;' };
    expect(spanOfHeaders(headers)).toMatchObject({ traceId: TRACE });
  });
});
