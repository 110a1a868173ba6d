/**
 * What a store in memory tells in the place of Redis's INFO: that it is no Redis, and is never full. Dashboards that show
 * these facts show zeros. What it does not say, such as whether it keeps an append-only file, nobody can find fault with.
 */
export const MEMORY_INFO = [
  '# Server',
  'redis_version:0.0.0',
  'redis_mode:memory',
  'os:none',
  'tcp_port:0',
  'uptime_in_seconds:0',
  '# Clients',
  'connected_clients:0',
  'blocked_clients:0',
  '# Memory',
  'used_memory:0',
  'used_memory_peak:0',
  'mem_fragmentation_ratio:0',
  'maxmemory:0',
  'maxmemory_policy:noeviction',
  '',
].join('\r\n');
