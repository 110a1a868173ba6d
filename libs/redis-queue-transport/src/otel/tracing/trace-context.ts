import { createTraceState, isSpanContextValid } from '@opentelemetry/api';
import type { SpanContext } from '@opentelemetry/api';

/** The headers of https://www.w3.org/TR/trace-context/. */
const TRACEPARENT = 'traceparent';
const TRACESTATE = 'tracestate';

/** This library's own: the span that redrove a dead letter, written as in `traceparent`. */
const REDRIVE_TRACEPARENT = 'redrive-traceparent';

type Headers = Readonly<Record<string, string>>;

const PARENT = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;
const VERSION = '00';
const INVALID_VERSION = 'ff';

/** The span as headers; undefined if there is no trace. */
export function traceHeaders(span: SpanContext): Record<string, string> | undefined {
  if (!isSpanContextValid(span)) return undefined;
  const state = span.traceState?.serialize();
  return {
    [TRACEPARENT]: written(span),
    ...(state === undefined || state === '' ? {} : { [TRACESTATE]: state }),
  };
}

/** The span that redrives a dead letter as a header; undefined if there is no trace. */
export function redriverHeaders(span: SpanContext): Record<string, string> | undefined {
  return isSpanContextValid(span) ? { [REDRIVE_TRACEPARENT]: written(span) } : undefined;
}

function written({ traceId, spanId, traceFlags }: SpanContext): string {
  return `${VERSION}-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

/** The sender's span; undefined if the headers of the message have none that can be read. */
export function spanOfHeaders(headers: Headers): SpanContext | undefined {
  const span = read(own(headers, TRACEPARENT));
  const state = own(headers, TRACESTATE);
  if (span === undefined || state === undefined) return span;
  return { ...span, traceState: createTraceState(state) };
}

/** The span that redrove a message; undefined if none did. */
export function redriverOfHeaders(headers: Headers): SpanContext | undefined {
  return read(own(headers, REDRIVE_TRACEPARENT));
}

function read(text = ''): SpanContext | undefined {
  const [, version, traceId = '', spanId = '', flags = '', more] = PARENT.exec(text) ?? [];
  // Later versions may add more.
  if (version === INVALID_VERSION || (version === VERSION && more !== undefined)) return undefined;
  const span: SpanContext = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
  };
  return isSpanContextValid(span) ? span : undefined;
}

/** Headers may have any names. */
function own(headers: Headers, name: string): string | undefined {
  return Object.hasOwn(headers, name) ? headers[name] : undefined;
}
