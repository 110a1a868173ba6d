import { describe, expect, test } from '@jest/globals';
import { INVALID_TRACEID, context, createTraceState, propagation, trace } from '@opentelemetry/api';
import { AlwaysOffSampler } from '@opentelemetry/sdk-trace-base';
import type { RedisQueueContext, RedisQueueObserver } from 'nestjs-redis-queue-transport';
import { openTelemetryTraces } from 'nestjs-redis-queue-transport/otel';
import { controllerOf } from '../e2e/delivery/controller.js';
import { eventually } from '../support/eventually.js';
import { nestRig } from '../support/nest-rig.js';
import { SpanRig, spanRig } from './span-rig.js';

const rig = nestRig();
const spans = spanRig();

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const TRACEPARENT = `00-${TRACE}-${SPAN}-01`;

interface Heard {
  readonly headers: Readonly<Record<string, string>>;
  readonly traceId: string | undefined;
  readonly baggage: readonly (readonly [string, string])[];
}

/** Serves `work`, and notes the context that its handler found. */
async function serve(observers: readonly RedisQueueObserver[]): Promise<Heard[]> {
  const heard: Heard[] = [];
  const handle = (_: unknown, message: RedisQueueContext): void => {
    const entries = propagation.getActiveBaggage()?.getAllEntries() ?? [];
    heard.push({
      headers: message.getHeaders(),
      traceId: trace.getActiveSpan()?.spanContext().traceId,
      baggage: entries.map(([name, { value }]) => [name, value]),
    });
  };
  await rig.serve({ controllers: [controllerOf('work', handle)] }, { observers });
  return heard;
}

const tracing = (options: { readonly baggage?: boolean } = {}): RedisQueueObserver[] => [
  openTelemetryTraces({ tracerProvider: spans.provider, ...options }),
];

describe('the trace context in the headers of a message', () => {
  test("names the span that sent it, beside the user's headers", async () => {
    const heard = await serve([]);

    await rig.client({ observers: tracing() }).enqueue('work', 1, { headers: { a: '1' } });

    await eventually(() => expect(heard).toHaveLength(1));
    const { traceId, spanId } = spans.named('enqueue')[0]!.spanContext();
    expect(heard[0]?.headers).toEqual({ a: '1', traceparent: `00-${traceId}-${spanId}-01` });
  });

  test('replaces that of the message being handled, which `forwardHeaders` would pass on', async () => {
    const heard = await serve([]);
    const client = rig.client({ observers: tracing(), headers: { traceparent: TRACEPARENT } });

    await client.enqueue('work', 1);

    await eventually(() => expect(heard).toHaveLength(1));
    expect(heard[0]?.headers['traceparent']).not.toBe(TRACEPARENT);
  });

  test('passes on the state of the trace', async () => {
    const heard = await serve([]);
    const client = rig.client({ observers: tracing() });

    await spans.within('caller', () => client.enqueue('work', 1), createTraceState('vendor=a'));

    await eventually(() => expect(heard[0]?.headers['tracestate']).toBe('vendor=a'));
  });

  test('is read from messages of other programs', async () => {
    const heard = await serve(tracing());

    const header = `{"rq":1,"id":"m","headers":{"traceparent":"${TRACEPARENT}"}}`;
    await rig.commands.rpush(rig.queue('work').waitingKey, `${header}\n{}`);

    await eventually(() => expect(spans.named('ack')).toHaveLength(1));
    expect(heard[0]?.traceId).toBe(TRACE);
    expect(spans.named('process')[0]?.parentSpanContext?.spanId).toBe(SPAN);
  });

  test.each([
    ['a header that cannot be read', '{"rq":1,"id":"m","headers":{"traceparent":"hello"}}\n{}'],
    ['no header at all', '{"a":1}'],
  ])('that is missing begins a trace: %s', async (_, element) => {
    const heard = await serve(tracing());

    await rig.commands.rpush(rig.queue('work').waitingKey, element);

    await eventually(() =>
      expect(spans.trees).toEqual(['consumer process work', '  client ack work']),
    );
    expect(heard[0]?.traceId).toBe(spans.named('process')[0]?.spanContext().traceId);
  });

  test('is passed on even if nothing is recorded, so that nobody else records it either', async () => {
    const off = new SpanRig(new AlwaysOffSampler());
    const heard = await serve(tracing());
    const observers = [openTelemetryTraces({ tracerProvider: off.provider })];

    await rig.client({ observers }).enqueue('work', 1);

    await eventually(() => expect(heard).toHaveLength(1));
    expect(heard[0]?.headers['traceparent']).toMatch(/-00$/);
    expect(off.spans).toEqual([]);
    await off.provider.shutdown();
  });

  test('is missing without an SDK, and nothing else changes', async () => {
    const observers = [openTelemetryTraces()];
    const heard = await serve(observers);

    await rig.client({ observers }).enqueue('work', 1, { headers: { a: '1' } });

    await eventually(() =>
      expect(heard).toEqual([{ headers: { a: '1' }, traceId: INVALID_TRACEID, baggage: [] }]),
    );
  });

  test('comes from the global provider, even if that is registered later', async () => {
    const observers = [openTelemetryTraces()];
    const heard = await serve(observers);
    trace.setGlobalTracerProvider(spans.provider);

    await rig.client({ observers }).enqueue('work', 1);
    await eventually(() => expect(spans.named('ack')).toHaveLength(1));
    trace.disable();

    expect(heard[0]?.traceId).toBe(spans.named('enqueue')[0]?.spanContext().traceId);
  });
});

describe('baggage', () => {
  const baggage = propagation.createBaggage({ tenant: { value: 'acme' } });

  async function send(observers: readonly RedisQueueObserver[]): Promise<void> {
    const client = rig.client({ observers });
    const caller = propagation.setBaggage(context.active(), baggage);
    await context.with(caller, () => client.enqueue('work', 1));
  }

  test('is not passed on', async () => {
    const heard = await serve(tracing({ baggage: true }));

    await send(tracing());

    await eventually(() => expect(heard).toHaveLength(1));
    expect(heard[0]?.headers).not.toHaveProperty('baggage');
    expect(heard[0]?.baggage).toEqual([]);
  });

  test('travels from a client to a server if both want it', async () => {
    const heard = await serve(tracing({ baggage: true }));

    await send(tracing({ baggage: true }));

    await eventually(() => expect(heard).toHaveLength(1));
    expect(heard[0]?.headers['baggage']).toBe('tenant=acme');
    expect(heard[0]?.baggage).toEqual([['tenant', 'acme']]);
  });

  test('is not used by a server that does not want it', async () => {
    const heard = await serve(tracing());

    await send(tracing({ baggage: true }));

    await eventually(() => expect(heard).toHaveLength(1));
    expect(heard[0]?.baggage).toEqual([]);
  });
});
