/** The purposes that a Redis user may serve. */
export const ROLES = ['producer', 'consumer', 'administrator', 'observer'] as const;

export type Role = (typeof ROLES)[number];

/** Looks at Redis itself. Changes nothing, and needs no permission in particular. Rejects like {@link AdminBroker}. */
export interface Inspection {
  /** How this process is connected to Redis. */
  readonly way: ConnectionWay;
  /** Redis is a cluster. What is asked without a key is then asked of any of its nodes. */
  readonly isCluster: boolean;
  /** Looks at each node of a cluster that has slots; of a single Redis, itself. They end with this one. */
  nodes(): Promise<readonly Inspection[]>;
  /** The fields that Redis's command INFO returns, by name. */
  info(): Promise<Readonly<Record<string, string>>>;
  clock(): Promise<ClockReading>;
  /** The name of the Redis user; undefined if it may not ask for its own name. */
  user(): Promise<string | undefined>;
  /** A parameter of Redis's configuration; undefined if the user may not read it, or if it does not exist. */
  setting(name: string): Promise<string | undefined>;
  /** What the user lacks for a role. */
  missingFor(role: Role): Promise<readonly MissingPermission[]>;
  /** Lists of consumers that no queue knows; undefined if the user may not scan the keys. */
  abandoned(): Promise<readonly AbandonedList[] | undefined>;
  /** What the replicas of this Redis say about themselves. */
  replicas(info: Readonly<Record<string, string>>): Promise<readonly ReplicaReading[]>;
  /** What each of the given Sentinels says; none if Redis is not found by Sentinels. */
  sentinels(): Promise<readonly SentinelReading[]>;
  close(): Promise<void>;
}

export interface ReplicaReading {
  /** `host:port`, as the primary knows it. */
  readonly place: string;
  /** The fields of INFO; undefined if it cannot be reached from here. */
  readonly info: Readonly<Record<string, string>> | undefined;
}

export interface SentinelReading {
  /** `host:port`, as it was given. */
  readonly place: string;
  /** Why it told nothing; the rest is undefined then. */
  readonly failure: string | undefined;
  /** `host:port` of the primary. */
  readonly primary: string | undefined;
  /** How many Sentinels it knows, itself included. */
  readonly known: number | undefined;
  /** Its reply, if too few of them can be reached for a failover. */
  readonly noQuorum: string | undefined;
}

export interface ConnectionWay {
  /** Where Redis is, in words for people, without user and password. */
  readonly place: string;
  readonly isEncrypted: boolean;
  /** Over a Unix socket, or to a loopback address. */
  readonly isLocal: boolean;
  readonly hasPassword: boolean;
}

export interface ClockReading {
  /** How far Redis's clock is ahead of this machine's clock. */
  readonly aheadMs: number;
  readonly roundTripMs: number;
}

/** A command that the user may not run on any key that needs it, or a key or channel on which it may run no command. */
export interface MissingPermission {
  readonly kind: 'command' | 'key' | 'channel';
  /** As in a rule of ACL SETUSER: `+lpush`, `~rq:{*}:waiting`, `&rq:event:*`. */
  readonly rule: string;
}

/** The list of a consumer that has no lease and was not reclaimed either. */
export interface AbandonedList {
  readonly queue: string;
  readonly consumer: string;
  readonly key: string;
  readonly held: number;
}
