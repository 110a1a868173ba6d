export { openTelemetryTraces } from './tracing/open-telemetry-traces.js';
export type { OpenTelemetryTracesOptions } from './tracing/open-telemetry-traces.js';
