"""Sends a request, and prints each value of the reply as JSON: request.py [--timeout SECONDS] [--file PATH] QUEUE [JSON]"""

import argparse
import json
import sys
import time

from redis_queue import (
    QUEUES,
    Keys,
    Message,
    add_data,
    connect,
    given_data,
    new_element,
    new_id,
    now_ms,
    parked_reply,
    reply_list,
    shown,
)


class RequestFailed(Exception):
    """No handler, no reply in time, or an error as the reply."""


# region request
def request(client, queue, data, timeout=10):
    """Yields the values of the reply as they come: one for a handler that returns a value."""
    if client.hget(QUEUES, queue) != b"served":
        raise RequestFailed(f"Nothing has ever served {queue}.")
    replies = reply_list(new_id())  # of this request alone; a program that asks more often keeps one for all
    number = 1
    deadline = time.monotonic() + timeout
    now = now_ms(client)
    expires_at = now + int(timeout * 1000)
    element = new_element(
        new_id(), now, data, replyTo=replies, re=number, expiresAt=expires_at
    )
    client.rpush(Keys(queue).waiting, element)
    while True:
        left = deadline - time.monotonic()
        popped = client.blpop(replies, min(left, 1)) if left > 0 else None
        if popped is None and left <= 0:
            raise RequestFailed(f"No reply within {timeout} s. The handler may or may not have run.")
        if popped is None:
            continue
        reply = Message(popped[1])
        if reply.request != number:
            continue
        if reply.parked is not None:
            key = parked_reply(replies, reply.parked)
            reply.content = client.get(key)
            client.unlink(key)
            if reply.content is None:
                raise RequestFailed("The body of the reply is gone.")
        if reply.header.get("error"):
            raise RequestFailed(reply.data)
        if reply.content:
            yield reply.data
        if reply.header.get("last"):
            return
# endregion request


def main():
    parser = argparse.ArgumentParser(description="Sends a request and prints its replies.")
    parser.add_argument("queue")
    add_data(parser)
    parser.add_argument("--timeout", type=float, default=10, metavar="SECONDS")
    given = parser.parse_args()
    try:
        for value in request(connect(), given.queue, given_data(given), given.timeout):
            print(json.dumps(shown(value), ensure_ascii=False), flush=True)
    except RequestFailed as failure:
        sys.exit(json.dumps(failure.args[0], ensure_ascii=False))


if __name__ == "__main__":
    main()
