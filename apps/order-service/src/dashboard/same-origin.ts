/** What the middleware needs of a request and a response, in any framework. */
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
/** `none`: not a page asked, but the user, for example by typing the address. */
const OURS: readonly unknown[] = ['same-origin', 'none'];

/**
 * A middleware that refuses actions requested by pages of other sites: any page may send a form here, and the browser adds
 * the password by itself.
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
  // If the browser sends it, it is right, even behind a proxy that changes the host.
  if (site !== undefined) return OURS.includes(site);
  // Not a browser.
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}
