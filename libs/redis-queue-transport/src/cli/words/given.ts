/** The options that were given. The getters check their values. */
export interface Given {
  flag(name: string): boolean;
  text(name: string): string | undefined;
  list(name: string): readonly string[];
  /** @throws UsageError */
  count(name: string, least: number): number | undefined;
  /** In ms, from text as `500ms`, `10s`, `5m`, `2h` or `7d`. @throws UsageError */
  duration(name: string): number | undefined;
}
