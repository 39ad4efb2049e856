"""Letters between workers of an elastic stage that are in several processes, as messages."""

from __future__ import annotations

from headrace.elastic import handover
from headrace.elastic.handover import Message
from headrace.runtime.elastic_links import Letter
from headrace.runtime.messages import Post

_KINDS: dict[str, type[Message]] = {
    kind.__name__: kind
    for kind in (
        handover.Hold,
        handover.Holding,
        handover.Drain,
        handover.State,
        handover.Taken,
        handover.Own,
        handover.Free,
        handover.Keep,
        handover.Cancel,
    )
}


def posted(to: int, letter: Letter) -> Post:
    """A letter as it goes through a pipe; the state that it carries is encoded already."""
    message = letter.message
    return Post(to, letter.partition, type(message).__name__, tuple(message), letter.state)


def unposted(post: Post, sender: int) -> Letter:
    """The letter that was posted."""
    message = _KINDS[post.kind](*post.numbers)
    return Letter(post.partition, message, sender=sender, state=post.state)
