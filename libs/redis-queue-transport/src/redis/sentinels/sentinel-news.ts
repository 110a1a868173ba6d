import type { SentinelAddress } from 'ioredis';

/** The reply of SENTINEL SENTINELS: those of the others that it can reach. */
export function readOthers(reply: unknown): SentinelAddress[] {
  if (!Array.isArray(reply)) return [];
  return reply.flatMap((sentinel: unknown) => {
    const { ip = '', port = '', flags = '' } = fieldsOf(sentinel);
    const isAway = /s_down|disconnected/.test(flags);
    return isAway ? [] : addressOf(ip, port);
  });
}

/** The news of `+sentinel`: "sentinel ID HOST PORT @ NAME PRIMARY-HOST PRIMARY-PORT". Undefined if it is of another primary. */
export function readJoined(news: string, name: string | undefined): SentinelAddress | undefined {
  const [, , host = '', port = '', , primary] = news.split(' ');
  return primary === name ? addressOf(host, port)[0] : undefined;
}

function addressOf(host: string, port: string): SentinelAddress[] {
  return host !== '' && /^\d+$/.test(port) ? [{ host, port: Number(port) }] : [];
}

/** Names and values in turn, or an object of them. */
function fieldsOf(reply: unknown): Partial<Record<string, string>> {
  if (!Array.isArray(reply)) return Object(reply) as Record<string, string>;
  const words = reply.map(String);
  return Object.fromEntries(
    words.flatMap((word, at) => (at % 2 === 0 ? [[word, words[at + 1] ?? '']] : [])),
  );
}
