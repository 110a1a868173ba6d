/** Rejects with what a call threw, unchanged: a user's code may throw anything. */
export function rejected(thrown: unknown): Promise<never> {
  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
  return Promise.reject(thrown);
}
