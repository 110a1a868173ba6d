import type { NodeAddress } from '../connection/source.js';
import { addressText } from '../sentinels/known-sentinels.js';
import { placeFromHere } from '../sentinels/sentinel-options.js';
import type { NatMap } from 'ioredis';

/** Slots that one primary has, one after the other. */
export interface SlotRange {
  readonly from: number;
  readonly to: number;
  readonly primary: NodeAddress;
  /** The addresses, as text, of its replicas. */
  readonly replicas: readonly string[];
}

/** What a node says of its address if it does not know it, or is not to tell. */
const UNKNOWN_HOSTS: ReadonlySet<unknown> = new Set(['', '?', null]);

/**
 * The reply to CLUSTER SLOTS.
 *
 * @param asked where it was asked: a node that does not know its own address is there
 */
export function readSlots(
  reply: unknown,
  asked: NodeAddress,
  natMap: NatMap | undefined,
): readonly SlotRange[] {
  if (!Array.isArray(reply)) return [];
  return reply.flatMap((range: unknown) => {
    if (!Array.isArray(range)) return [];
    const [from, to, ...nodes] = range as readonly unknown[];
    const [primary, ...replicas] = nodes.map((node) => addressOf(node, asked, natMap));
    if (primary === undefined) return [];
    return [{ from: Number(from), to: Number(to), primary, replicas: replicas.map(textOf) }];
  });
}

function addressOf(node: unknown, asked: NodeAddress, natMap: NatMap | undefined): NodeAddress {
  const [host, port] = Array.isArray(node) ? (node as readonly unknown[]) : [];
  return placeOfNode(UNKNOWN_HOSTS.has(host) ? asked.host : String(host), Number(port), natMap);
}

/** The slot and the address in "MOVED 1234 host:port" or "ASK 1234 host:port"; the host may be missing. */
export function readRedirect(
  reply: string,
  asked: NodeAddress | undefined,
  natMap: NatMap | undefined,
): { readonly slot: number; readonly address: NodeAddress } | undefined {
  const [, slot, host = '', port] = /^(?:MOVED|ASK) (\d+) (.*):(\d+)/.exec(reply) ?? [];
  if (slot === undefined) return undefined;
  const known = UNKNOWN_HOSTS.has(host) ? asked?.host : host;
  if (known === undefined) return undefined;
  return { slot: Number(slot), address: placeOfNode(known, Number(port), natMap) };
}

function placeOfNode(host: string, port: number, natMap: NatMap | undefined): NodeAddress {
  return placeFromHere(natMap === undefined ? {} : { natMap }, host, port);
}

export function textOf({ host, port }: NodeAddress): string {
  return addressText({ host, port });
}
