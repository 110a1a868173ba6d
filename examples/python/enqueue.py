"""Enqueues one message: enqueue.py [--id ID] [--once MS] [--delay MS] [--bounded] [--key KEY] [--priority N] [--header NAME=TEXT] [--file PATH] QUEUE [JSON]"""

import argparse
import secrets
import sys

import redis

from redis_queue import (
    QUEUES,
    Keys,
    QueueFull,
    add_data,
    connect,
    given_data,
    join_element,
    new_element,
    new_id,
    now_ms,
    script,
    split_element,
    written_key,
)


# region enqueue
def enqueue(client, queue, data, message_id, headers=None):
    """When this returns, Redis holds the message."""
    keys = Keys(queue)
    element = new_element(message_id, now_ms(client), data, headers=headers)
    if len(element) > PARK_ABOVE:
        push_parked(client, keys, element)
    else:
        client.rpush(keys.waiting, element)
    client.hsetnx(QUEUES, queue, "pushed")
# endregion enqueue


# region park
PARK_ABOVE = 16 * 1024


def push_parked(client, keys, element):
    """Puts the body beside the list, in one step with the element: neither is there without the other."""
    header, body = split_element(element)
    name = secrets.token_urlsafe(12)  # nobody can guess it, and it is never used again
    with client.pipeline(transaction=True) as transaction:
        transaction.hsetnx(keys.parked, name, body)
        transaction.hincrby(keys.counts, "parkedEver", 1)
        transaction.rpush(keys.waiting, join_element({"parked": name, **header}, b""))
        transaction.execute()
# endregion park


# region delay
def enqueue_later(client, queue, data, message_id, delay_ms, headers=None):
    """Nobody gets the message before the delay is over."""
    keys = Keys(queue)
    now = now_ms(client)
    element = new_element(message_id, now, data, headers=headers)
    with client.pipeline(transaction=True) as transaction:
        transaction.zadd(keys.delayed, {element: now + delay_ms})
        transaction.publish(keys.wake, "")  # it may be due before what consumers wait for
        transaction.execute()
    client.hsetnx(QUEUES, queue, "pushed")
# endregion delay


# region bounded
def enqueue_bounded(client, queue, data, message_id, headers=None):
    """Refuses the message if the queue is full, as clients of the library do."""
    keys = Keys(queue)
    element = new_element(message_id, now_ms(client), data, headers=headers)
    push_bounded = script(client, "push-bounded")
    counted = [keys.terms, keys.waiting, keys.suspects, keys.delayed, keys.lanes, keys.levels]
    added, *full = push_bounded(keys=[*counted, keys.waiting], args=["RPUSH", element])
    if not added:
        length, most = full
        raise QueueFull(queue, length, most)
    client.hsetnx(QUEUES, queue, "pushed")
# endregion bounded


# region keyed
def enqueue_keyed(client, queue, data, message_id, key, headers=None):
    """Messages of a key are handled one after the other."""
    keys = Keys(queue)
    written = written_key(key)
    element = new_element(message_id, now_ms(client), data, key=written, headers=headers)
    push_keyed = script(client, "push-keyed")
    push_keyed(keys=[keys.waiting, keys.lanes, keys.terms, keys.resting], args=[written, element])
    client.hsetnx(QUEUES, queue, "pushed")
# endregion keyed


# region prioritised
def enqueue_prioritised(client, queue, data, message_id, priority, headers=None):
    """From 0 to 9, higher first. Messages without a priority have 4."""
    keys = Keys(queue)
    element = new_element(message_id, now_ms(client), data, priority=priority, headers=headers)
    if priority == 4:
        client.rpush(keys.waiting, element)
    else:
        push_prioritised = script(client, "push-prioritised")
        push_prioritised(keys=[keys.waiting, keys.levels], args=[priority, element, keys.wake])
    client.hsetnx(QUEUES, queue, "pushed")
# endregion prioritised


# region once
def enqueue_once(client, queue, data, message_id, window_ms, headers=None):
    """Within the window, Redis accepts the id once, from any sender. Returns False if it was there."""
    keys = Keys(queue)
    element = new_element(message_id, now_ms(client), data, headers=headers)
    push_once = script(client, "push-once")
    added = push_once(
        keys=[keys.ids, keys.waiting], args=[message_id, window_ms, "RPUSH", element]
    )
    client.hsetnx(QUEUES, queue, "pushed")
    return added == 1
# endregion once


def send(client, given):
    """Sends what the arguments say. Returns False for an id that was there."""
    headers = dict(header.split("=", 1) for header in given.header) or None
    message = (given.queue, given_data(given), given.id)
    if given.once:
        return enqueue_once(client, *message, given.once, headers)
    if given.key:
        enqueue_keyed(client, *message, given.key, headers)
    elif given.priority is not None:
        enqueue_prioritised(client, *message, given.priority, headers)
    elif given.bounded:
        enqueue_bounded(client, *message, headers)
    elif given.delay:
        enqueue_later(client, *message, given.delay, headers)
    else:
        enqueue(client, *message, headers)
    return True


def main():
    parser = argparse.ArgumentParser(description="Enqueues one message.")
    parser.add_argument("queue")
    add_data(parser)
    parser.add_argument("--id", default=new_id())
    terms = parser.add_mutually_exclusive_group()
    terms.add_argument("--once", type=int, metavar="MS", help="accept the id once within this many ms")
    terms.add_argument("--delay", type=int, metavar="MS", help="hand it out after this many ms")
    terms.add_argument("--bounded", action="store_true", help="refuse it if the queue is full")
    terms.add_argument("--key", help="handle it behind others of this key")
    terms.add_argument("--priority", type=int, choices=range(10), help="higher ones first; usually 4")
    parser.add_argument("--header", action="append", default=[], metavar="NAME=TEXT")
    given = parser.parse_args()
    try:
        is_new = send(connect(), given)
    except (redis.ConnectionError, redis.TimeoutError) as error:
        sys.exit(f"Redis may or may not hold {given.id}; send it again with --id and --once: {error}")
    except QueueFull as error:
        sys.exit(str(error))
    print(f"held as {given.id}" if is_new else f"held before as {given.id}")


if __name__ == "__main__":
    main()
