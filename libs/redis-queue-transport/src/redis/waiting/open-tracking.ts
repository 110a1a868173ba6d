import type { Connections } from '../connection/connections.js';
import { Tracking } from './tracking.js';
import type { ToldSleepers, TrackingSurroundings } from './tracking.js';
import { ClusterConnections } from '../cluster/cluster-connections.js';
import { ClusterTracking } from './cluster-tracking.js';

/** How the consumers of a process are told of messages. */
export function openTracking(
  connections: Connections,
  surroundings: TrackingSurroundings,
): ToldSleepers {
  return connections instanceof ClusterConnections
    ? new ClusterTracking(connections, surroundings)
    : new Tracking(surroundings);
}
