/** A series of a scrape. */
export interface Scraped {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The metrics of a scrape in Prometheus's text format. */
export function seriesOf(text: string): readonly Scraped[] {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => {
    const [, name = '', labels = ''] = /^([\w:]+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
    const found = pairs.map(([, label = '', value = '']): [string, string] => [label, value]);
    return { name, labels: Object.fromEntries(found) };
  });
}
