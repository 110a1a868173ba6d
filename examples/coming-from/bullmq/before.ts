import 'reflect-metadata';
import { BullModule, InjectQueue, OnWorkerEvent, Processor, WorkerHost } from '@nestjs/bullmq';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Queue, UnrecoverableError, type Job } from 'bullmq';

const { hostname: host, port } = new URL(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379');

interface Mail {
  readonly to: string;
}

// #region service
@Processor('mail', { concurrency: 5 })
class MailProcessor extends WorkerHost {
  async process(job: Job<Mail>): Promise<void> {
    if (job.data.to === '') throw new UnrecoverableError('there is no address');
    if (job.attemptsMade === 0) throw new Error('the mail server is busy');
    console.log(`mail to ${job.data.to}, attempt ${job.attemptsMade + 1}`);
  }

  @OnWorkerEvent('failed')
  failed(_job: Job<Mail>, error: Error): void {
    if (error instanceof UnrecoverableError) console.log(`given up: ${error.message}`);
  }
}
// #endregion service

// #region client
@Injectable()
class SignUp {
  constructor(@InjectQueue('mail') private readonly queue: Queue<Mail>) {}

  async run(): Promise<void> {
    const retry = { attempts: 3, backoff: { type: 'fixed', delay: 100 } };
    await this.queue.add('send', { to: 'ada@example.com' }, { ...retry, delay: 50, jobId: 'ada' });
    await this.queue.add('send', { to: '' }, retry);
  }

  async failedOnes(): Promise<number> {
    return this.queue.getFailedCount();
  }
}
// #endregion client

// #region module
@Module({
  imports: [
    BullModule.forRoot({ connection: { host, port: Number(port) } }),
    BullModule.registerQueue({ name: 'mail' }),
  ],
  providers: [MailProcessor, SignUp],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule);
// #endregion module
app.enableShutdownHooks();
await app.get(SignUp).run();
while ((await app.get(SignUp).failedOnes()) === 0)
  await new Promise((next) => setTimeout(next, 20));
console.log('failed: 1');
