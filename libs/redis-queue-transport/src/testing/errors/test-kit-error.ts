/** What a test expected did not happen, or the kit was used in a way that cannot work. The message says what happened. */
export class TestKitError extends Error {
  override readonly name: string = 'TestKitError';
}
