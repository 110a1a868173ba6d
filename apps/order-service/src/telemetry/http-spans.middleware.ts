import { Injectable, type NestMiddleware } from '@nestjs/common';
import { SpanKind, SpanStatusCode, context, propagation, trace } from '@opentelemetry/api';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** A request with what Express adds once it knows the handler. */
type RoutedRequest = IncomingMessage & { readonly route?: { readonly path?: unknown } };

/** A span for each request, around everything that it causes. Without a collector, no span is recorded. */
@Injectable()
export class HttpSpans implements NestMiddleware {
  readonly #tracer = trace.getTracer('order-service');

  use(request: RoutedRequest, response: ServerResponse, next: () => void): void {
    const { method = 'HTTP', headers } = request;
    const caller = propagation.extract(context.active(), headers);
    const attributes = { 'http.request.method': method };
    const span = this.#tracer.startSpan(method, { kind: SpanKind.SERVER, attributes }, caller);
    response.once('close', () => {
      const { statusCode } = response;
      const path = request.route?.path;
      if (typeof path === 'string') {
        span.updateName(`${method} ${path}`);
        span.setAttribute('http.route', path);
      }
      span.setAttribute('http.response.status_code', statusCode);
      if (statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    });
    context.with(trace.setSpan(caller, span), next);
  }
}
