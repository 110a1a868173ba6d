/**
 * For how many ms yet a queue is slowed down, by the time to live of its key and by its text, as scripts see it
 * (SLOWED): if more is left than it was to last, Redis's clock was set back, and it has ended.
 */
export function slowedMsIn(leftMs: number, text: string | null): number {
  return leftMs > 0 && leftMs <= Number(text) ? leftMs : 0;
}
