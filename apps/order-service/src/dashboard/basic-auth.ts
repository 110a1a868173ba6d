import { createHash, timingSafeEqual } from 'node:crypto';

/** What the middleware needs of a request and a response, in any framework. */
interface Asked {
  readonly headers: { readonly authorization?: string | undefined };
}

interface Answer {
  statusCode: number;
  setHeader(name: string, value: string): unknown;
  end(text: string): unknown;
}

/** A middleware that lets only requests with this name and this password pass (RFC 7617). */
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

/** All digests have one length, so that comparing them reveals nothing about either text. */
function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
