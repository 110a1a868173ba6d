import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { SpanKind, SpanStatusCode, context, trace } from '@opentelemetry/api';
import type { Span, SpanContext, TraceState } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import type { ReadableSpan, Sampler } from '@opentelemetry/sdk-trace-base';
import { eventually } from '../support/eventually.js';

/** OpenTelemetry's SDK for a spec file. It keeps ended spans, and prints them as trees. */
export class SpanRig {
  readonly #exporter = new InMemorySpanExporter();
  readonly #contexts = new AsyncLocalStorageContextManager();
  readonly provider: BasicTracerProvider;

  constructor(sampler?: Sampler) {
    const spanProcessors = [new SimpleSpanProcessor(this.#exporter)];
    this.provider = new BasicTracerProvider({ spanProcessors, ...(sampler && { sampler }) });
  }

  start(): void {
    context.setGlobalContextManager(this.#contexts.enable());
  }

  async stop(): Promise<void> {
    context.disable();
    await this.provider.shutdown();
  }

  reset(): void {
    this.#exporter.reset();
  }

  /** In the order in which they ended. */
  get spans(): readonly ReadableSpan[] {
    return this.#exporter.getFinishedSpans();
  }

  /** The spans of the library whose names begin with this. */
  named(name: string): readonly ReadableSpan[] {
    return this.spans.filter((span) => span.name.startsWith(name));
  }

  /** Calls this within a span of the test, which ends with the call. */
  async within<T>(name: string, call: () => PromiseLike<T>, state?: TraceState): Promise<T> {
    const remote = state && { ...newSpanContext(), traceState: state };
    const parent = remote ? trace.setSpanContext(context.active(), remote) : context.active();
    const span = this.provider.getTracer('test').startSpan(name, {}, parent);
    try {
      return await context.with(trace.setSpan(parent, span), call);
    } finally {
      span.end();
    }
  }

  span(name: string): Span {
    return this.provider.getTracer('test').startSpan(name);
  }

  /** Every trace as a tree in the order of starts, with two spaces for each level. */
  get trees(): string[] {
    const ids = new Set(this.spans.map((span) => span.spanContext().spanId));
    const roots = this.spans.filter(
      ({ parentSpanContext }) =>
        parentSpanContext === undefined || !ids.has(parentSpanContext.spanId),
    );
    return byStart(roots).flatMap((root) => this.#tree(root, ''));
  }

  #tree(span: ReadableSpan, indent: string): string[] {
    const { spanId } = span.spanContext();
    const children = this.spans.filter((one) => one.parentSpanContext?.spanId === spanId);
    const failed =
      span.status.code === SpanStatusCode.ERROR
        ? ` (${String(span.attributes['error.type'])})`
        : '';
    const kind = span.kind === SpanKind.INTERNAL ? '' : `${SpanKind[span.kind].toLowerCase()} `;
    return [
      `${indent}${kind}${span.name}${failed}`,
      ...byStart(children).flatMap((child) => this.#tree(child, `${indent}  `)),
    ];
  }

  /** Waits until these are the trees. */
  async expectTrees(expect: (trees: string[]) => void): Promise<void> {
    await eventually(() => expect(this.trees));
  }
}

export function newSpanContext(): SpanContext {
  const hex = (length: number): string =>
    Array.from({ length }, () => Math.floor(Math.random() * 16).toString(16)).join('');
  return { traceId: hex(32), spanId: hex(16), traceFlags: 1 };
}

function byStart(spans: readonly ReadableSpan[]): ReadableSpan[] {
  const at = ({ startTime: [seconds, nanos] }: ReadableSpan): bigint =>
    BigInt(seconds) * 1_000_000_000n + BigInt(nanos);
  return spans.toSorted((a, b) => Number(at(a) - at(b)));
}

/** A rig that lives as long as the spec file. Call it at the top of one. */
export function spanRig(sampler?: Sampler): SpanRig {
  const rig = new SpanRig(sampler);
  beforeAll(() => rig.start());
  afterAll(() => rig.stop());
  afterEach(() => rig.reset());
  return rig;
}
