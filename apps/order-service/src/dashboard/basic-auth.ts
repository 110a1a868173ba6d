import { createHash, timingSafeEqual } from 'node:crypto';

/** What it needs of a request and a response, whatever framework they are of. */
interface Asked {
  readonly headers: { readonly authorization?: string | undefined };
}

interface Answer {
  statusCode: number;
  setHeader(name: string, value: string): unknown;
  end(text: string): unknown;
}

/** A middleware that lets nobody pass without this name and this password (RFC 7617). */
export function basicAuth(
  user: string,
  password: string,
): (request: Asked, response: Answer, next: () => void) => void {
  const expected = digestOf(`${user}:${password}`);
  return (request, response, next) => {
    const [, encoded = ''] = /^Basic ([\w+/=-]+)$/i.exec(request.headers.authorization ?? '') ?? [];
    const given = digestOf(Buffer.from(encoded, 'base64').toString());
    if (timingSafeEqual(given, expected)) {
      next();
      return;
    }
    response.statusCode = 401;
    response.setHeader('WWW-Authenticate', 'Basic realm="queues", charset="UTF-8"');
    response.end('A name and a password are needed.');
  };
}

/** Of one length, so that comparing tells nothing of either. */
function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
