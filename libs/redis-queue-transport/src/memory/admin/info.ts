/**
 * Takes the place of Redis's INFO: it says that this is no Redis, and never full. Dashboards show zeros for these facts.
 * It leaves out what a health check could object to, such as whether there is an append-only file.
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
