import type { Connections } from '../connection/connections.js';
import type { ConnectionSource } from '../connection/source.js';
import { OpenConnections } from '../connection/open-connections.js';
import { ClusterConnections } from './cluster-connections.js';
import type { ClusterTerms } from './cluster-connections.js';

/** The connections of a process, to one Redis or to a cluster. */
export function openConnections(
  source: ConnectionSource,
  process: string,
  onError: (error: unknown) => void,
  terms: ClusterTerms,
): Connections {
  const { cluster } = source;
  return cluster === undefined
    ? new OpenConnections(source, process, onError)
    : new ClusterConnections(source, cluster, process, onError, terms);
}
