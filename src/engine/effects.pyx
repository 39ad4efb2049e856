"""What a node asks the world around it to do, as values.

A node's handler touches nothing itself: it returns these, and whoever runs it (a simulated world, a
live node, an exploration) carries them out, in their order. They are immutable, compare by value,
and are made by functions, because a call of a function costs half of one of a class.
"""

cimport cython

from headrace.engine.errors import EffectError

AFTER_NS_MAX = 1 << 61  # so that no clock runs over


cdef class Effect:
    """One thing that a node asks for."""

    def __eq__(self, other):
        if type(self) is not type(other):
            return NotImplemented
        return _parts(self) == _parts(other)

    def __hash__(self):
        return hash((type(self).__name__, _parts(self)))

    def __repr__(self):
        named = ", ".join([repr(part) for part in _parts(self)])
        return f"{type(self).__name__.lower()}({named})"

    def __reduce__(self):
        return _MAKERS[type(self)], _parts(self)


cdef tuple _parts(Effect effect):
    return tuple([getattr(effect, name) for name in _FIELDS[type(effect)]])


@cython.final
cdef class Send(Effect):
    """A message on its way to one node, or to several."""


@cython.final
cdef class Request(Effect):
    """A client's request on its way to a node; `number` is the client's own."""


@cython.final
cdef class Reply(Effect):
    """The answer to a request, on its way back to who asked."""


@cython.final
cdef class Timer(Effect):
    """An input of its own, to come when `after_ns` have passed on the node's clock."""


@cython.final
cdef class Cancel(Effect):
    """The timer of that name will not come."""


@cython.final
cdef class Persist(Effect):
    """A value for the node's disk, under a key; None removes the key."""


@cython.final
cdef class Postpone(Effect):
    """The input comes again when the node's mode is another."""


def send(to, message):
    """Send a message: `to` is a node's name, or a tuple of names. It may be lost on the way."""
    cdef Send effect = Send.__new__(Send)
    effect.to = tuple(to) if type(to) is list else to
    effect.message = message
    return effect


def request(to, number, request):
    """Ask a node, as a client does; the reply is an input that carries `number` again."""
    cdef Request effect = Request.__new__(Request)
    effect.to = to
    effect.number = number
    effect.request = request
    return effect


def reply(caller, reply):
    """Answer a request: `caller` is what came with it, and may be kept until the answer is known."""
    cdef Reply effect = Reply.__new__(Reply)
    effect.caller = caller
    effect.reply = reply
    return effect


def timer(name, after_ns):
    """Be woken up after so many nanoseconds of the node's clock; replaces a timer of that name."""
    cdef Timer effect = Timer.__new__(Timer)
    if not isinstance(after_ns, int) or not 0 <= after_ns <= AFTER_NS_MAX:
        raise EffectError(
            f"timer({name!r}, {after_ns!r}): after_ns is a whole number of nanoseconds, 0 to 2**61")
    effect.name = name
    effect.after_ns = after_ns
    return effect


def cancel(name):
    """Let the timer of that name not come; nothing happens if none is set."""
    cdef Cancel effect = Cancel.__new__(Cancel)
    effect.name = name
    return effect


def persist(key, value, sync=True):
    """Write a value to the node's disk; with None the key is removed.

    With `sync` the effects behind it, of this input and of later ones, wait until this value, and
    all that was written before, would survive a crash. Without, a crash may lose it, or leave it
    torn.
    """
    cdef Persist effect = Persist.__new__(Persist)
    if not isinstance(key, str):
        raise EffectError(f"persist({key!r}, ...): a key is a text")
    effect.key = key
    effect.value = value
    effect.sync = sync
    return effect


def postpone():
    """Put the input back: it comes again, before any other, once the node's mode has changed."""
    return _POSTPONE


_POSTPONE = Postpone.__new__(Postpone)
_FIELDS = {
    Send: ("to", "message"),
    Request: ("to", "number", "request"),
    Reply: ("caller", "reply"),
    Timer: ("name", "after_ns"),
    Cancel: ("name",),
    Persist: ("key", "value", "sync"),
    Postpone: (),
}
_MAKERS = {
    Send: send,
    Request: request,
    Reply: reply,
    Timer: timer,
    Cancel: cancel,
    Persist: persist,
    Postpone: postpone,
}
