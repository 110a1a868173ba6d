import { createTraceState, isSpanContextValid } from '@opentelemetry/api';
import type { SpanContext } from '@opentelemetry/api';

/** The headers of https://www.w3.org/TR/trace-context/. */
const TRACEPARENT = 'traceparent';
const TRACESTATE = 'tracestate';

type Headers = Readonly<Record<string, string>>;

const PARENT = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;
const VERSION = '00';
const INVALID_VERSION = 'ff';

/** The span as headers; undefined if there is no trace. */
export function traceHeaders(span: SpanContext): Record<string, string> | undefined {
  if (!isSpanContextValid(span)) return undefined;
  const flags = span.traceFlags.toString(16).padStart(2, '0');
  const state = span.traceState?.serialize();
  return {
    [TRACEPARENT]: `${VERSION}-${span.traceId}-${span.spanId}-${flags}`,
    ...(state === undefined || state === '' ? {} : { [TRACESTATE]: state }),
  };
}

/** The sender's span; undefined if the headers of the message name none, or none that can be read. */
export function spanOfHeaders(headers: Headers): SpanContext | undefined {
  const [, version, traceId = '', spanId = '', flags = '', more] =
    PARENT.exec(own(headers, TRACEPARENT) ?? '') ?? [];
  // Later versions may add more.
  if (version === INVALID_VERSION || (version === VERSION && more !== undefined)) return undefined;
  const span: SpanContext = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
  };
  if (!isSpanContextValid(span)) return undefined;
  const state = own(headers, TRACESTATE);
  return state === undefined ? span : { ...span, traceState: createTraceState(state) };
}

/** Headers may have any names. */
function own(headers: Headers, name: string): string | undefined {
  return Object.hasOwn(headers, name) ? headers[name] : undefined;
}
