import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort, startRedis } from 'local-redis';
import type { LocalRedis } from 'local-redis';
import { selfSignedCertificate } from './certificate.js';
import type { Certificate } from './certificate.js';

/** A Redis that speaks TLS on one port, with a certificate that a client trusts only if told to. */
export class TlsRedis {
  private constructor(
    private readonly redis: LocalRedis,
    private readonly directory: string,
    readonly port: number,
    readonly certificate: Certificate,
  ) {}

  /** @param clients whether Redis asks its clients for a certificate, signed by its own */
  static async start(clients: 'optional' | 'yes' = 'optional'): Promise<TlsRedis> {
    const certificate = selfSignedCertificate();
    const directory = await mkdtemp(join(tmpdir(), 'tls-redis-'));
    const keyFile = join(directory, 'key.pem');
    const certificateFile = join(directory, 'certificate.pem');
    await writeFile(keyFile, certificate.key);
    await writeFile(certificateFile, certificate.certificate);
    const port = await findFreePort();
    const redis = await startRedis({
      settings: {
        'tls-port': String(port),
        'tls-key-file': keyFile,
        'tls-cert-file': certificateFile,
        'tls-ca-cert-file': certificateFile,
        'tls-auth-clients': clients,
      },
    });
    return new TlsRedis(redis, directory, port, certificate);
  }

  /** The URL of the port that speaks TLS; `scheme` is what the client speaks. */
  url(scheme: 'redis' | 'rediss'): string {
    return `${scheme}://127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    await this.redis.stop();
    await rm(this.directory, { recursive: true });
  }
}
