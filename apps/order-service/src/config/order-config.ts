import { readText, readWholeNumber, type Environment } from './environment.js';
import { isLoopback } from './loopback.js';

/** Everything that an operator may set, read from the environment once, at start. */
export class OrderConfig {
  /** `HOST` and `PORT` of the HTTP interface; port 0 takes a free one. */
  readonly host: string;
  readonly port: number;
  /** `QUEUE_PREFIX`: first part of every key of the transport; both services need the same. */
  readonly queuePrefix: string;
  /** `DATA_PREFIX`: first part of the keys of this service's own data. */
  readonly dataPrefix: string;
  /** `STOCK_TIMEOUT_MS`: how long `GET /stock/:sku` waits for inventory-service. */
  readonly stockTimeoutMs: number;
  /** `PAY_WITHIN_MS`: how long after its goods were set aside an unpaid order by transfer is cancelled. */
  readonly payWithinMs: number;
  /** `PAYMENT_FAILS_EVERY`: one in this many calls to the imitated payment provider fails; 0 for none. */
  readonly paymentFailsEvery: number;
  /** `LEASE_MS`: how long after a crash another process takes over what this one held. */
  readonly leaseMs: number;
  /**
   * `DEMO_SUPERVISOR_URL`: where the demo program starts and kills processes for the page. Only the demo sets it; without
   * it, the page has no buttons for that.
   */
  readonly supervisorUrl: URL | undefined;

  /**
   * `DASHBOARD_PASSWORD`: for the user `admin` of the dashboard of queues. Defaults to `admin`. If `NODE_ENV`
   * is `production`, there is no default, and no dashboard without a password.
   */
  readonly dashboardPassword: string | undefined;

  constructor(
    /** `REDIS_URL`, or the server that was started because it is not set. */
    readonly redisUrl: string,
    environment: Environment,
  ) {
    this.host = readText(environment, 'HOST', '127.0.0.1');
    this.port = readWholeNumber(environment, 'PORT', { fallback: 3000, min: 0, max: 65_535 });
    this.queuePrefix = readText(environment, 'QUEUE_PREFIX', 'rq');
    this.dataPrefix = readText(environment, 'DATA_PREFIX', 'shop');
    this.stockTimeoutMs = readWholeNumber(environment, 'STOCK_TIMEOUT_MS', {
      fallback: 2_000,
      min: 1,
      max: 60_000,
    });
    this.payWithinMs = readWholeNumber(environment, 'PAY_WITHIN_MS', {
      fallback: 60_000,
      min: 1,
      max: 30 * 86_400_000,
    });
    this.paymentFailsEvery = readWholeNumber(environment, 'PAYMENT_FAILS_EVERY', {
      fallback: 0,
      min: 0,
      max: 1_000,
    });
    this.leaseMs = readWholeNumber(environment, 'LEASE_MS', {
      fallback: 5_000,
      min: 1_000,
      max: 600_000,
    });
    const isProduction = readText(environment, 'NODE_ENV', '') === 'production';
    const password = readText(environment, 'DASHBOARD_PASSWORD', isProduction ? '' : 'admin');
    this.dashboardPassword = password === '' ? undefined : password;
    this.supervisorUrl = readSupervisorUrl(environment, this.host);
  }
}

/** Anyone who reaches it can kill processes, so it must stay on this machine. */
function readSupervisorUrl(environment: Environment, host: string): URL | undefined {
  const text = readText(environment, 'DEMO_SUPERVISOR_URL', '');
  if (text === '') return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' || !isLoopback(url.hostname)) {
    throw new Error(`DEMO_SUPERVISOR_URL must be an http address of this machine, got "${text}"`);
  }
  if (!isLoopback(host)) {
    throw new Error(
      `With DEMO_SUPERVISOR_URL, HOST must be 127.0.0.1, ::1 or localhost, got "${host}"`,
    );
  }
  return url;
}
