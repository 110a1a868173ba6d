import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from '@jest/globals';
import { Controller, Injectable, Module } from '@nestjs/common';
import type { INestMicroservice } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { startRedis } from 'local-redis';
import type { LocalRedis } from 'local-redis';
import { RedisQueueAdmin, RedisQueueClient, RedisQueueModule } from 'nestjs-redis-queue-transport';
import { firstValueFrom } from 'rxjs';

// #region app
@Injectable()
class Settings {
  readonly redisUrl = process.env['REDIS_URL'];
  readonly prefix: string = 'rq';
}

@Module({ providers: [Settings], exports: [Settings] })
class SettingsModule {}

@Injectable()
class Mailer {
  send(to: string): string {
    return `sent to ${to}`;
  }
}

@Injectable()
class SignUpService {
  constructor(private readonly client: RedisQueueClient) {}

  async signUp(email: string): Promise<void> {
    await this.client.enqueue('mail.send', { to: email });
  }
}

@Controller()
class MailController {
  constructor(private readonly mailer: Mailer) {}

  @MessagePattern('mail.send')
  send(mail: { to: string }): string {
    return this.mailer.send(mail.to);
  }
}

@Module({
  imports: [
    RedisQueueModule.registerAsync({
      imports: [SettingsModule],
      inject: [Settings],
      useFactory: ({ redisUrl, prefix }: Settings) => ({
        connection: redisUrl,
        prefix,
        server: { retry: { attempts: 2, delayMs: 10 } },
      }),
    }),
  ],
  controllers: [MailController],
  providers: [Mailer, SignUpService],
})
class AppModule {}
// #endregion app

// #region eventually
async function eventually(assertion: () => unknown, deadlineMs = 10_000): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    try {
      await assertion();
      return;
    } catch (error) {
      if (performance.now() >= deadline) throw error;
      await pause(10);
    }
  }
}
// #endregion eventually

let redis: LocalRedis;
let redisUrl: string;

beforeAll(async () => {
  redis = await startRedis();
  redisUrl = redis.url;
});

afterAll(() => redis.stop());

// #region alone
test('a controller and a service, without Redis', async () => {
  const mailer = { send: jest.fn(() => 'sent') };
  const client = { enqueue: jest.fn() };
  const module = await Test.createTestingModule({ imports: [AppModule] })
    .overrideProvider(Mailer)
    .useValue(mailer)
    .overrideProvider(RedisQueueClient)
    .useValue(client)
    .compile();

  expect(module.get(MailController).send({ to: 'ada@example.com' })).toBe('sent');
  await module.get(SignUpService).signUp('ada@example.com');

  expect(client.enqueue).toHaveBeenCalledWith('mail.send', { to: 'ada@example.com' });
});
// #endregion alone

describe('through Redis', () => {
  // #region rig
  let app: INestMicroservice;
  const mailer = { send: jest.fn((to: string) => `sent to ${to}`) };

  beforeEach(async () => {
    mailer.send.mockClear();
    const module = await Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(Settings)
      .useValue({ redisUrl, prefix: `test-${randomUUID()}` }) // each test has queues of its own
      .overrideProvider(Mailer)
      .useValue(mailer)
      .compile();
    app = module.createNestMicroservice(RedisQueueModule.microservice());
    await app.listen();
  });

  afterEach(() => app.close());
  // #endregion rig

  // #region through
  test('a request gets its reply', async () => {
    const reply = app.get(RedisQueueClient).send('mail.send', { to: 'ada@example.com' });

    expect(await firstValueFrom(reply)).toBe('sent to ada@example.com');
  });

  test('a sign-up sends mail', async () => {
    await app.get(SignUpService).signUp('ada@example.com');

    await eventually(() => expect(mailer.send).toHaveBeenCalledWith('ada@example.com'));
  });

  test('mail that cannot be sent is dead-lettered after two attempts', async () => {
    mailer.send.mockImplementation(() => {
      throw new Error('no such mailbox');
    });

    await app.get(SignUpService).signUp('ada@example.com');

    const admin = app.get(RedisQueueAdmin);
    await eventually(async () => expect((await admin.lengths('mail.send')).dead).toBe(1));
    const { letters } = await admin.deadLetters('mail.send');
    expect(letters[0]).toMatchObject({ attempt: 2, error: { message: 'no such mailbox' } });
  });
  // #endregion through
});
