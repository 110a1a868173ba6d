import type { IncomingMessage } from 'node:http';
import {
  type CanActivate,
  type ExecutionContext,
  ForbiddenException,
  Injectable,
  NotFoundException,
} from '@nestjs/common';
import { isLoopback } from '../config/loopback.js';
import { Supervisor } from './supervisor.js';

/**
 * Lets in only the page of the demo. Without a supervisor, these routes do not exist. A browser on this machine shows
 * other sites too: their requests have another `Origin` or, if their name was bound to this address, another `Host`.
 */
@Injectable()
export class DemoGuard implements CanActivate {
  constructor(private readonly supervisor: Supervisor) {}

  canActivate(context: ExecutionContext): boolean {
    const { method, url, headers } = context.switchToHttp().getRequest<IncomingMessage>();
    if (!this.supervisor.isThere) throw new NotFoundException(`Cannot ${method} ${url}`);
    const { host = '', origin } = headers;
    if (!isLoopback(host.replace(/:\d+$/, ''))) {
      throw new ForbiddenException(`only for http://127.0.0.1 and http://localhost, got ${host}`);
    }
    if (origin !== undefined && origin !== `http://${host}`) {
      throw new ForbiddenException(`only for the page of the demo, got a request of ${origin}`);
    }
    return true;
  }
}
