import { parser } from '@prometheus-io/lezer-promql';

/** A metric that a query names, with the labels that the query expects. */
export interface Selector {
  readonly metric: string;
  readonly labels: readonly string[];
}

/** @throws Error if Prometheus could not read it */
export function selectorsOf(query: string): readonly Selector[] {
  const text = query.replaceAll('$__rate_interval', '5m');
  const tree = parser.parse(text);
  const selectors: { metric: string; labels: string[] }[] = [];
  const grouped: string[] = [];
  tree.iterate({
    enter: (node) => {
      if (node.type.isError)
        throw new Error(`${query}: cannot be read at "${text.slice(node.from)}"`);
      const word = text.slice(node.from, node.to);
      if (node.name === 'VectorSelector') selectors.push({ metric: '', labels: [] });
      const last = selectors.at(-1);
      if (node.name === 'Identifier' && last !== undefined) last.metric = word;
      if (node.name === 'LabelName') {
        const isGrouping = node.node.parent?.name === 'GroupingLabels';
        if (isGrouping) grouped.push(word);
        else last?.labels.push(word);
      }
    },
  });
  return selectors.map(({ metric, labels }) => ({ metric, labels: [...labels, ...grouped] }));
}
