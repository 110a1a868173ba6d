"""Takes messages of a queue and handles them one at a time; start several for more. Ends in order on SIGTERM.

consumer.py [--lease MS] [--attempts N] [--pause MS] [--dead-letters N] QUEUE
consumer.py … --group NAME PATTERN    the copies of events that the group gets from its first start on
"""

import argparse
import json
import os
import random
import secrets
import signal
import socket
import sys
import threading
import time
import traceback

import redis

from redis_queue import (
    QUEUES,
    Keys,
    Message,
    Unreadable,
    after_a_crash,
    connect,
    dead_letter,
    enter,
    for_another_attempt,
    group_queue,
    is_suspect,
    key_of,
    new_reply,
    now_ms,
    script,
    shown,
)

MAX_CRASHES = 3  # a message that was running in this many processes when they died is dead-lettered
FENCE_MS = 15 * 60_000
REPLIES_LIVE_MS = 60_000

PRINTING = threading.Lock()


class RetryLater(Exception):
    """A handler raises it to get the message again after a pause."""

    def __init__(self, delay_ms):
        super().__init__(f"again in {delay_ms} ms")
        self.delay_ms = delay_ms


class DeadLetter(Exception):
    """A handler raises it if trying again will not help."""


def handle(message):
    """Replace it with your own. What it returns is the reply to a request; what it raises is a failed attempt."""
    mail = message.data
    if isinstance(mail, bytes) or message.pattern is not None:
        log("got", {"pattern": message.pattern, "data": shown(mail)})
        return mail
    log("mail", {"attempt": message.attempt, **mail})
    if "@" not in mail["to"]:
        raise DeadLetter(f"{mail['to']} is not an address")
    if mail.get("busy") and message.attempt == 1:
        raise RetryLater(delay_ms=10)
    time.sleep(mail.get("seconds", 0))
    return f"sent to {mail['to']}"


class Consumer:
    """One place in a queue, with a lease. It holds one message at a time, so every step may simply be repeated."""

    def __init__(
        self,
        queue,
        handler,
        lease_ms=30_000,
        attempts=5,
        pause_ms=1_000,
        dead_letter_limit=10_000,
        is_group=False,
    ):
        self.queue = queue
        self.handler = handler
        self.lease_ms = lease_ms
        self.attempts = attempts
        self.pause_ms = pause_ms
        self.dead_letter_limit = dead_letter_limit
        self.is_group = is_group  # the queue belongs to a group, which is to get its copies
        self.redis = connect()
        self.keys = Keys(queue)
        self.take_script = script(self.redis, "take")
        self.settle_script = script(self.redis, "settle")
        self.reclaim_script = script(self.redis, "reclaim")
        self.trim_dead_script = script(self.redis, "trim-dead")
        self.name = None
        self.stopping = threading.Event()
        self.has_left = threading.Event()

    def run(self):
        """Runs until stop() is called, and then finishes the running message first."""
        keeper = threading.Thread(target=self.keep_lease, daemon=True)
        keeper.start()
        while not self.stopping.is_set():
            try:
                self.step()
            except redis.RedisError as error:
                log("failed", {"error": str(error)})
                self.stopping.wait(1)
        self.has_left.set()
        keeper.join()
        self.leave()

    def stop(self):
        self.stopping.set()

    # region take
    def step(self):
        """Takes one message and handles it, or waits up to a second for one."""
        if self.name is None:
            self.join()
        asked_at = time.monotonic()
        answer = self.take_script(
            keys=[
                self.keys.consumers,
                self.keys.processing(self.name),
                self.keys.waiting,
                self.keys.delayed,
                self.keys.suspects,
                self.keys.paused,
                self.keys.lanes,
                self.keys.terms,
                self.keys.levels,
                self.keys.resting,
            ],
            args=[self.name],
        )
        if answer[0] == b"leaseLost":
            self.name = None
        elif answer[0] == b"paused":
            self.stopping.wait(1)
        elif answer[0] == b"empty":
            # From the head to the head: this takes nothing, and returns as soon as there is something.
            self.redis.blmove(self.keys.waiting, self.keys.waiting, 1, "LEFT", "LEFT")
        else:
            # Even if Redis's clock is set forward, others leave it its lease for this part of it.
            self.deliver(answer[1], answer[2], begin_by=asked_at + 0.6 * self.lease_ms / 1000)
    # endregion take

    # region join
    def join(self):
        """Takes a name that nobody had before and a lease of its own, and lists the queue as served."""
        name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_urlsafe(6)}"
        self.redis.hset(QUEUES, self.queue, "served")
        if self.is_group:
            enter(self.redis, self.queue)
        self.redis.zadd(self.keys.consumers, {name: now_ms(self.redis) + self.lease_ms})
        self.name = name
        log("joined", {"queue": self.queue, "consumer": name})
    # endregion join

    # region leave
    def leave(self):
        """Whatever it still holds (because the answer that brought it was lost) goes back unharmed."""
        if self.name is None:
            return
        processing = self.keys.processing(self.name)
        held = self.redis.lindex(processing, 0)
        home = self.keys.suspects if held is not None and is_suspect(held) else self.keys.waiting
        with self.redis.pipeline(transaction=True) as transaction:
            transaction.lmove(processing, home, "RIGHT", "LEFT")
            transaction.zrem(self.keys.consumers, self.name)
            transaction.execute()
        log("left", {})
    # endregion leave

    # region renew
    def keep_lease(self):
        """Runs beside the handler, on a connection of its own, after each third of the lease."""
        every = self.lease_ms / 3000
        renewed_at = time.monotonic()
        seen = {}
        while not self.has_left.wait(every):
            try:
                is_held = self.name is not None and self.renew(self.name)
                # After an outage every lease looks ended: this gives the others time to renew theirs.
                if time.monotonic() - renewed_at > 1.5 * every:
                    seen = {}
                renewed_at = time.monotonic()
                if is_held:
                    seen = self.look_at_others(seen)
                    self.look_at_fenced()
            except redis.RedisError as error:
                log("failed", {"error": str(error)})

    def renew(self, name):
        """Returns False if the lease is lost: take and settle will say so too."""
        lease_end = now_ms(self.redis) + self.lease_ms
        return self.redis.zadd(self.keys.consumers, {name: lease_end}, xx=True, ch=True) == 1
    # endregion renew

    # region reclaim
    def look_at_others(self, seen):
        """Takes back what dead consumers hold. Returns when each lease ends, and since when that has been so.

        If Redis's clock was set forward, every lease looks ended. So the end of a lease must also have stayed the same
        for as long as a lease lasts, by the clock that nobody sets.
        """
        now = now_ms(self.redis)
        still = {}
        for name, lease_end in self.redis.zrange(self.keys.consumers, 0, -1, withscores=True):
            end, since = seen.get(name, (None, None))
            still[name] = (lease_end, since if end == lease_end else time.monotonic())
            silent_ms = (time.monotonic() - still[name][1]) * 1000
            if lease_end <= now and silent_ms >= 0.9 * self.lease_ms:
                self.reclaim(name.decode(), lease_end)
        return still

    def look_at_fenced(self):
        for name in self.redis.zrange(self.keys.fenced, 0, -1):
            self.reclaim(name.decode(), "")

    def reclaim(self, consumer, lease_end):
        """Takes back what the consumer holds, if its lease still ends when it was seen to."""
        processing = self.keys.processing(consumer)
        held = self.redis.lrange(processing, 0, -1)
        triples = []
        for element, (suspect, end) in zip(held, after_a_crash(held)):
            triples += [element, suspect, end]
        moved = self.reclaim_script(
            keys=[
                self.keys.waiting,
                self.keys.suspects,
                processing,
                self.keys.consumers,
                self.keys.fenced,
                self.keys.roles,
            ],
            args=[consumer, lease_end, FENCE_MS, self.keys.wake, *triples],
        )
        if moved > 0:
            log("reclaimed", {"consumer": consumer, "deliveries": moved})
    # endregion reclaim

    # region deliver
    def deliver(self, element, now, begin_by):
        """Handles one message, and settles it when the outcome is known."""
        try:
            message = Message(element)
        except Unreadable as error:
            return self.to_dead_letters(element, 1, "undecodable", error)
        if message.crashes >= MAX_CRASHES:
            error = RuntimeError(f"The process died {message.crashes} times while it ran this.")
            return self.to_dead_letters(element, message.attempt, "crashed", error)
        if message.expires_at is not None and message.expires_at <= now:
            count = ("HINCRBY", self.keys.counts, "expired", 1)
            return self.settle(element, *count, unpark=message.parked)
        if message.parked is not None:
            message.content = self.redis.hget(self.keys.parked, message.parked)
        if time.monotonic() > begin_by:
            return # this process stood still, so the lease may have ended: ask again before anything begins
        try:
            if message.content is None:
                raise Unreadable(f"The body is parked as {message.parked}, but is not there.")
            value = self.handler(message)
        except RetryLater as wish:
            return self.retry(message, element, wish.delay_ms, postponed=1)
        except (DeadLetter, Unreadable) as error:
            self.reply(message, error)
            reason = "rejected" if isinstance(error, DeadLetter) else "undecodable"
            return self.to_dead_letters(element, message.attempt, reason, error)
        except Exception as error:
            return self.fail(message, element, error)
        self.reply(message, value)
        self.settle(element, unpark=message.parked)

    def fail(self, message, element, error):
        """The caller of a request gets the error; any other message is retried, and in the end dead-lettered."""
        if message.reply_to is not None:
            self.reply(message, error)
            self.settle(element, unpark=message.parked)
        elif message.attempt - message.postponed >= self.attempts:
            self.to_dead_letters(element, message.attempt, "handlerFailed", error)
        else:
            pause_ms = min(self.pause_ms * 2 ** (message.attempt - 1), 60_000)
            self.retry(message, element, int(pause_ms * random.uniform(0.5, 1)))
    # endregion deliver

    # region answer
    def reply(self, message, value):
        """Called before the message is settled, so that no request is settled without its reply."""
        if message.reply_to is None:
            return
        element = self.encoded_reply(message.request, value)

        def write():
            with self.redis.pipeline(transaction=True) as transaction:
                transaction.rpush(message.reply_to, element)
                transaction.pexpire(message.reply_to, REPLIES_LIVE_MS)
                transaction.execute()

        self.until_done(write)

    def encoded_reply(self, request, value):
        """Errors as Nest's callers expect them. A value that JSON cannot write becomes one: the caller always hears."""
        if isinstance(value, Exception):
            return new_reply(request, {"status": "error", "message": str(value)}, is_error=True)
        try:
            return new_reply(request, value)
        except (TypeError, ValueError) as error:
            return self.encoded_reply(request, error)
    # endregion answer

    # region settle
    def retry(self, message, element, delay_ms, postponed=0):
        replacement = for_another_attempt(message, postponed=postponed)
        if delay_ms <= 0:
            return self.settle(element, "LPUSH", self.keys.waiting, replacement)
        due = self.until_done(lambda: now_ms(self.redis)) + delay_ms
        while self.settle(element, "ZADD", self.keys.delayed, "NX", due, replacement) == b"exists":
            replacement = replacement.replace(b"\n", b" \n", 1)  # a space at the end of the header
        self.until_done(lambda: self.redis.publish(self.keys.wake, ""))
        log("retried", {"id": message.id})

    def to_dead_letters(self, element, attempt, reason, error):
        lines = traceback.format_exception(type(error), error, error.__traceback__)
        summary = {"name": type(error).__name__, "message": str(error), "stack": "".join(lines)}
        facts = {
            "reason": reason,
            "error": summary,
            "attempt": attempt,
            "queue": self.queue,
            "consumer": self.name,
            "at": self.until_done(lambda: now_ms(self.redis)),
        }
        letter = dead_letter(element, facts)
        self.settle(element, "XADD", self.keys.dead, "*", "element", letter)
        keys = [self.keys.dead, self.keys.counts, self.keys.parked]
        args = [self.dead_letter_limit]
        self.until_done(lambda: self.trim_dead_script(keys=keys, args=args))
        log("dead-lettered", {"reason": reason})

    def settle(self, element, *command, unpark=None):
        """Removes the message, which is done. Runs the command, if there is one, in the same step.

        A message that is gone for good takes its parked body with it, the one named `unpark`, and lets the next of its
        key go on.
        """
        is_back = bool(command) and command[1] in (self.keys.waiting, self.keys.delayed)
        ended_key = "" if is_back else key_of(element)
        own = self.keys
        keys = [own.consumers, own.processing(self.name), own.parked, own.waiting, own.lanes]
        keys.append(own.resting)
        keys.append(command[1] if command else own.waiting)
        args = [self.name, element, unpark or "", ended_key, *command[:1], *command[2:]]
        answer = self.until_done(lambda: self.settle_script(keys=keys, args=args))
        if answer == b"leaseLost":
            log("lost", {})  # others have the message now, and may repeat what was done here
        return answer

    def until_done(self, call):
        """Repeats the call while Redis is away: each of these calls may be made twice."""
        while True:
            try:
                return call()
            except redis.RedisError as error:
                if self.stopping.is_set():
                    raise  # others reclaim it when the lease has ended
                log("failed", {"error": str(error)})
                time.sleep(1)
    # endregion settle


def log(what, facts):
    with PRINTING:  # or the lines of several threads get mixed up
        print(what, json.dumps(facts, ensure_ascii=False), flush=True)


def main():
    parser = argparse.ArgumentParser(description="Consumes a queue.")
    parser.add_argument("queue", help="with --group: the pattern, which may have wildcards")
    parser.add_argument("--group", metavar="NAME")
    parser.add_argument("--lease", type=int, default=30_000, metavar="MS")
    parser.add_argument("--attempts", type=int, default=5)
    parser.add_argument("--pause", type=int, default=1_000, metavar="MS")
    parser.add_argument("--dead-letters", type=int, default=10_000, metavar="N")
    given = parser.parse_args()
    queue = group_queue(given.group, given.queue) if given.group else given.queue
    terms = (given.lease, given.attempts, given.pause, given.dead_letters)
    consumer = Consumer(queue, handle, *terms, is_group=given.group is not None)
    signal.signal(signal.SIGTERM, lambda *_: consumer.stop())
    try:
        consumer.run()
    except redis.RedisError as error:
        sys.exit(f"left without a word, others will reclaim: {error}")


if __name__ == "__main__":
    main()
