/** The seed of a randomized test. Fixed, so that each run is the same, unless FAULT_SEED gives another one. */
export const SEED = numberFrom('FAULT_SEED') ?? 20_260_101;

/** How often a randomized test repeats: a variable of its own, FAULT_ROUNDS, or the number for a normal run. */
export function rounds(normally: number, variable = 'FAULT_ROUNDS'): number {
  return numberFrom(variable) ?? numberFrom('FAULT_ROUNDS') ?? normally;
}

/** Time limit in ms for a test that repeats: that of its normal rounds, and in proportion for more. */
export function timeFor(normally: number, ms: number, variable?: string): number {
  return ms * Math.max(1, rounds(normally, variable) / normally);
}

function numberFrom(variable: string): number | undefined {
  const text = process.env[variable];
  return text === undefined || text === '' ? undefined : Number(text);
}

/** Pseudo-random numbers from 0 to 1 that follow from the seed (mulberry32, by Tommy Ettinger, public domain). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
