export { observeQueues } from './metrics/observe-queues.js';
export type { ObserveQueuesOptions } from './metrics/observe-queues.js';
export { openTelemetryMetrics } from './metrics/open-telemetry-metrics.js';
export type { OpenTelemetryMetricsOptions } from './metrics/open-telemetry-metrics.js';
export { openTelemetryTraces } from './tracing/open-telemetry-traces.js';
export type { OpenTelemetryTracesOptions } from './tracing/open-telemetry-traces.js';
