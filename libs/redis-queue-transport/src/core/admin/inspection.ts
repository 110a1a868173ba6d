/** What a user of Redis may be for. */
export const ROLES = ['producer', 'consumer', 'administrator', 'observer'] as const;

export type Role = (typeof ROLES)[number];

/** Looks at Redis itself, changes nothing, and asks for nothing that its user may not. Rejects like {@link AdminBroker}. */
export interface Inspection {
  /** How it is connected. */
  readonly way: ConnectionWay;
  /** What Redis tells of itself, by the names of INFO. */
  info(): Promise<Readonly<Record<string, string>>>;
  clock(): Promise<ClockReading>;
  /** Undefined if the user may not ask who it is. */
  user(): Promise<string | undefined>;
  /** A setting by its name in the configuration; undefined if the user may not ask, or there is none. */
  setting(name: string): Promise<string | undefined>;
  /** What the user lacks for a role. */
  missingFor(role: Role): Promise<readonly MissingPermission[]>;
  /** Lists of consumers that no queue knows of; undefined if the user may not look through the keys. */
  abandoned(): Promise<readonly AbandonedList[] | undefined>;
  close(): Promise<void>;
}

export interface ConnectionWay {
  /** For people, without user and password. */
  readonly place: string;
  readonly isEncrypted: boolean;
  /** Over a socket of this machine, or to an address of the loopback. */
  readonly isLocal: boolean;
  readonly hasPassword: boolean;
}

export interface ClockReading {
  /** By how much Redis's clock is ahead of that of this machine. */
  readonly aheadMs: number;
  readonly roundTripMs: number;
}

/** A command that the user may run on none of the keys that it is for, or a key or channel on which it may run none. */
export interface MissingPermission {
  readonly kind: 'command' | 'key' | 'channel';
  /** As in a rule of ACL SETUSER: `+lpush`, `~rq:{*}:waiting`, `&rq:event:*`. */
  readonly rule: string;
}

/** What a consumer holds that is neither among those with a lease nor among those that were reclaimed. */
export interface AbandonedList {
  readonly queue: string;
  readonly consumer: string;
  readonly key: string;
  readonly held: number;
}
