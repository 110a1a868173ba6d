/** What it needs of a request and a response, whatever framework they are of. */
interface Asked {
  readonly method?: string | undefined;
  readonly headers: {
    readonly host?: string | undefined;
    readonly origin?: string | undefined;
    readonly 'sec-fetch-site'?: string | string[] | undefined;
  };
}

interface Answer {
  statusCode: number;
  end(text: string): unknown;
}

const HARMLESS: readonly unknown[] = ['GET', 'HEAD'];
/** `none`: nobody's page, but the person. */
const OURS: readonly unknown[] = ['same-origin', 'none'];

/**
 * A middleware that refuses what pages of other sites ask to be done. A browser adds the password to it by itself, and
 * needs nobody's leave to send a form.
 */
export function sameOrigin(request: Asked, response: Answer, next: () => void): void {
  if (HARMLESS.includes(request.method) || isOurs(request)) {
    next();
    return;
  }
  response.statusCode = 403;
  response.end('Only pages of this site may do that.');
}

function isOurs({ headers }: Asked): boolean {
  const { host, origin, 'sec-fetch-site': site } = headers;
  // A browser that tells is right even where a proxy has changed the host.
  if (site !== undefined) return OURS.includes(site);
  // No browser at all.
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}
