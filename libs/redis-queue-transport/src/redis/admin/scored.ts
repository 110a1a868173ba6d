/** The reply to a command `WITHSCORES`, in pairs. */
export function scored<T extends string | Buffer>(
  flat: readonly T[],
): [member: T, score: number][] {
  const pairs: [T, number][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const member = flat[i];
    if (member !== undefined) pairs.push([member, scoreOf(String(flat[i + 1]))]);
  }
  return pairs;
}

/** Redis writes `inf` and `-inf`. */
export function scoreOf(text: string): number {
  return Number(text.replace('inf', 'Infinity'));
}
