const loopback: readonly string[] = ['127.0.0.1', 'localhost', '::1', '[::1]'];

/** Whether this host name can only mean this machine. */
export function isLoopback(hostname: string): boolean {
  return loopback.includes(hostname.toLowerCase());
}
