import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';

/** Metrics as Prometheus scrapes them, without a port. */
export class Metrics {
  readonly #reader = new PrometheusExporter({ preventServerStart: true });
  readonly provider = new MeterProvider({ readers: [this.#reader] });

  /** The text that Prometheus gets. */
  async text(): Promise<string> {
    const { resourceMetrics } = await this.#reader.collect();
    return new PrometheusSerializer('', false, undefined, true, true).serialize(resourceMetrics);
  }

  /** Values by name and labels, without the labels that all series share. */
  async scrape(): Promise<ReadonlyMap<string, number>> {
    const text = await this.text();
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(
      lines.map((line) => {
        const [series = '', value] = line.split(/ (?=[^ ]+$)/);
        return [shortened(series), Number(value)];
      }),
    );
  }

  close(): Promise<void> {
    return this.provider.shutdown();
  }
}

function shortened(series: string): string {
  return series
    .replace(/messaging_system="redis_queue",?/, '')
    .replace('messaging_destination_name=', 'name=')
    .replace('messaging_consumer_group_name=', 'group=')
    .replace('messaging_operation_name=', 'operation=')
    .replace('redis_queue_reason=', 'reason=')
    .replace(/,}/, '}')
    .replace('{}', '');
}
