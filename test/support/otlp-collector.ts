import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as OTLP writes it in JSON, with the fields that tests look at. */
interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[];
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status: { readonly code: number };
}

export interface CollectedSpan extends Omit<OtlpSpan, 'attributes'> {
  readonly service: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

interface OtlpTraces {
  readonly resourceSpans: readonly {
    readonly resource: Pick<OtlpSpan, 'attributes'>;
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

const KINDS = ['', 'internal', 'server', 'client', 'producer', 'consumer'];
const ERROR = 2;

/** Accepts what services export by OTLP over HTTP, and keeps the spans. */
export class OtlpCollector {
  readonly #server: Server;
  readonly spans: CollectedSpan[] = [];

  private constructor() {
    this.#server = createServer((request, response) => {
      void this.#take(request).then(
        () => response.setHeader('content-type', 'application/json').end('{}'),
        () => response.writeHead(400).end(),
      );
    });
  }

  static async open(): Promise<OtlpCollector> {
    const collector = new OtlpCollector();
    collector.#server.listen(0, '127.0.0.1');
    await once(collector.#server, 'listening');
    return collector;
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo; // it listens on TCP
    return `http://127.0.0.1:${port}`;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #take(request: IncomingMessage): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer); // no encoding is set
    const traces = JSON.parse(Buffer.concat(chunks).toString()) as OtlpTraces;
    for (const { resource, scopeSpans } of traces.resourceSpans) {
      const service = String(valuesOf(resource)['service.name']);
      for (const span of scopeSpans.flatMap(({ spans }) => spans))
        this.spans.push({ ...span, service, attributes: valuesOf(span) });
    }
  }

  /** The trace of a span as a tree in the order of starts, with two spaces for each level. */
  treeOf({ traceId }: Pick<CollectedSpan, 'traceId'>): string[] {
    const trace = this.spans
      .filter((span) => span.traceId === traceId)
      .toSorted((a, b) => Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano)));
    const ids = new Set(trace.map(({ spanId }) => spanId));
    const below = (parent: CollectedSpan, indent: string): string[] => [
      `${indent}${line(parent)}`,
      ...trace
        .filter(({ parentSpanId }) => parentSpanId === parent.spanId)
        .flatMap((child) => below(child, `${indent}  `)),
    ];
    return trace
      .filter(({ parentSpanId }) => parentSpanId === undefined || !ids.has(parentSpanId))
      .flatMap((root) => below(root, ''));
  }
}

function line({ service, name, kind, status, attributes }: CollectedSpan): string {
  const group = attributes['messaging.consumer.group.name'];
  const ofGroup = typeof group === 'string' ? `, group ${group}` : '';
  const failed = status.code === ERROR ? `, failed: ${String(attributes['error.type'])}` : '';
  return `${name} (${KINDS[kind] ?? kind}, ${service}${ofGroup}${failed})`;
}

function valuesOf({ attributes }: Pick<OtlpSpan, 'attributes'>): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
