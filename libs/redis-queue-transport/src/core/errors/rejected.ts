/** Rejects with what a call threw instead of rejecting itself, as it is: a user's code need not throw an Error. */
export function rejected(thrown: unknown): Promise<never> {
  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
  return Promise.reject(thrown);
}
