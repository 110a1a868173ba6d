/** The command line, or a file that it names, cannot be used. Nothing was done. */
export class UsageError extends Error {
  override readonly name = 'UsageError';

  constructor(
    message: string,
    /** A line that helps, such as what was probably meant. */
    readonly hint?: string,
  ) {
    super(message);
  }
}
