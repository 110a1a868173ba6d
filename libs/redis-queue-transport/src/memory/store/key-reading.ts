/** What one consumer reads the keys of, as scripts note it (redis/lua/roles-lua.ts). */
export interface KeyReading {
  readonly many: number;
  /** How many at the head are read one by one, since some of them were being read when a process died. */
  readonly doubted: number;
  /** How often a process died of the first one. */
  readonly crashes: number;
  readonly first: Buffer | undefined;
}

export const NO_READING: KeyReading = { many: 0, doubted: 0, crashes: 0, first: undefined };

/** The one that read died. */
export function afterCrash(reading: KeyReading): KeyReading {
  const { many, doubted, crashes } = reading;
  if (many === 0) return reading;
  return {
    ...reading,
    many: 0,
    doubted: Math.max(doubted, many),
    crashes: many === 1 ? crashes + 1 : 1,
  };
}
