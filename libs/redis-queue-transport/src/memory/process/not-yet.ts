/** For verbs of the broker in memory that are still to be written. */
export function notYet(verb: string): Promise<never> {
  return Promise.reject(new Error(`The broker in memory has no ${verb} yet.`));
}
