/** What the checks of one queue ask of the rest of the run. */
export interface WatchedRun {
  violate(rule: string, what: string): void;
  /** Whether the handler that had this message last has asked to slow down its queue, or its key. */
  hasAskedToSlow(id: string, what: 'queue' | 'key'): boolean;
  /** How long, in ms, news may take to a process that nothing has happened to. */
  readonly newsMs: number;
  /** The key that its data says, if handlers read keys. */
  dataKeyOf(id: string): string | undefined;
}
