import { styleText } from 'node:util';

type Format = Parameters<typeof styleText>[0];

/** How text is emphasised: with colours on a terminal, and not at all elsewhere. */
export class Terminal {
  constructor(readonly hasColors: boolean) {}

  bold(text: string): string {
    return this.#styled('bold', text);
  }

  dim(text: string): string {
    return this.#styled('dim', text);
  }

  good(text: string): string {
    return this.#styled('green', text);
  }

  warn(text: string): string {
    return this.#styled('yellow', text);
  }

  bad(text: string): string {
    return this.#styled('red', text);
  }

  #styled(format: Format, text: string): string {
    // The constructor has decided whether to use colours; styleText must not decide again with each call.
    return this.hasColors ? styleText(format, text, { validateStream: false }) : text;
  }
}

/** False if the stream is not a terminal, or NO_COLOR is set (https://no-color.org). */
export function mayHaveColors(
  stream: { readonly isTTY?: boolean },
  environment: NodeJS.ProcessEnv,
): boolean {
  if ((environment['NO_COLOR'] ?? '') !== '') return false;
  return stream.isTTY === true && environment['TERM'] !== 'dumb';
}
