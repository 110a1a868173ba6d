/** `bench/`, seen from the compiled file, and the folder around it. */
export const BENCH = new URL('../../', import.meta.url);
export const ROOT = new URL('../', BENCH);
