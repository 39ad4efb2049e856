"""A node or a client in a simulated world: its state, and how it is given an input."""

cimport cython
from cpython.ref cimport PyObject
from libc.stdint cimport int32_t, int64_t, uint64_t

from headrace.engine.effects cimport Effect, Postpone
from headrace.engine.happening cimport RESTART, START, TIMER

from headrace.engine.effects import postpone
from headrace.engine.errors import EffectError

cdef extern from "Python.h":
    object PyObject_Vectorcall(
        object function, PyObject **arguments, size_t count, PyObject *names)
    size_t PY_VECTORCALL_ARGUMENTS_OFFSET
    PyObject *PyDict_GetItemWithError(object mapping, object key) except? NULL

cdef enum:  # what a handler may name, in the order of PARAMETERS
    PAYLOAD, SOURCE, CALLER, NUMBER, DURABLE, ME, NODES, PEERS, NOW, CHANCE

PARAMETERS = (
    ("message", "request", "reply", "timer"), ("source",), ("caller",), ("number",), ("durable",),
    ("me",), ("nodes",), ("peers",), ("now_ns",), ("chance",))
KINDS = ("start", "restart", "message", "request", "reply", "timer")
_POSTPONE = postpone()


@cython.final
cdef class Handler:
    """A handler, and where each of its arguments comes from."""

    def __cinit__(self, function, tuple parameters, source):
        self.function = function
        self.source = source
        self.count = len(parameters)
        for index, name in enumerate(parameters):
            place = [at for at, names in enumerate(PARAMETERS) if name in names][0]
            self.places[index] = place
            self.asks_chance = self.asks_chance or place == CHANCE


@cython.final
cdef class Endpoint:
    """A node or a client in the world."""

    def __cinit__(self, int32_t index, name, node, disk, tuple nodes, kit, uint64_t chance_seed):
        self.index = index
        self.name = name
        self.kit = kit
        self.record_type = kit.record_type
        self.nodes = nodes
        self.peers = tuple([other for other in nodes if other != name])
        self.chance_seed = chance_seed
        self.find = node.table.find
        self.mode_of = node.mode
        self.initial = node.initial
        self.disk = disk
        self.timers = {}
        self.postponed = []
        self.backlog = []
        self.held = []
        self.handlers = [{}, {}, {}, {}, {}, {}]
        self.handlers_by_mode = {}

    cdef int forget(self) except -1:
        """It is down: what it had in memory is gone."""
        self.is_up = self.is_paused = False
        self.state = None
        self.timers.clear()
        self.postponed = []
        self.backlog = []
        self.held = []
        self.held_from = 0
        self.syncing = False
        self.disk.crash()
        return 0

    cdef int add_hits(self, object counter) except -1:
        """Add how often each handler was called, by mode, kind and key."""
        cdef Handler handler
        for mode, kinds in [(None, self.handlers), *self.handlers_by_mode.items()]:
            for what, known in enumerate(kinds):
                for key, found in known.items():
                    handler = found
                    if handler is not None:
                        counter[self.kit.label(self.index, mode, KINDS[what], key)] += handler.hits
        return 0

    cdef Handler handler_of(self, object mode, int32_t what, object payload):
        """The handler of an input, or None; looked up once for each mode, kind and key."""
        cdef list known = self.handlers
        cdef PyObject *found
        if mode is not None:
            known = self.handlers_by_mode.get(mode)
            if known is None:
                known = self.handlers_by_mode[mode] = [{}, {}, {}, {}, {}, {}]
        if what == TIMER:
            key = payload
        elif payload is None:
            key = None
        else:
            key = <object>type(payload)
            if key is self.record_type:
                key = payload.dtype
        found = PyDict_GetItemWithError(<object>known[what], key)
        if found != NULL:
            return <Handler>found
        handler = self.find(mode, KINDS[what], key)
        if handler is not None:
            handler = Handler(handler.function, handler.parameters, handler.source)
        elif what != START and what != RESTART:
            raise self.kit.unhandled(self.index, mode, KINDS[what], payload)
        known[what][key] = handler
        return handler

    cdef object call(
        self, Handler handler, object source, int64_t number, object payload,
        object durable, int64_t told_ns, double chance
    ):
        cdef PyObject *arguments[18]
        cdef int index, place
        # What is made here is kept alive until the call is over.
        cdef object caller = None, number_object = None, now_object = None, chance_object = None
        arguments[1] = <PyObject *>self.state
        for index in range(handler.count):
            place = handler.places[index]
            if place == PAYLOAD:
                arguments[index + 2] = <PyObject *>payload
            elif place == SOURCE:
                arguments[index + 2] = <PyObject *>source
            elif place == CALLER:
                caller = self.kit.make_caller(source, number)
                arguments[index + 2] = <PyObject *>caller
            elif place == NUMBER:
                number_object = number
                arguments[index + 2] = <PyObject *>number_object
            elif place == DURABLE:
                arguments[index + 2] = <PyObject *>durable
            elif place == ME:
                arguments[index + 2] = <PyObject *>self.name
            elif place == NODES:
                arguments[index + 2] = <PyObject *>self.nodes
            elif place == PEERS:
                arguments[index + 2] = <PyObject *>self.peers
            elif place == NOW:
                now_object = told_ns
                arguments[index + 2] = <PyObject *>now_object
            else:
                chance_object = chance
                arguments[index + 2] = <PyObject *>chance_object
        # The place before the first is lent to the method, which puts its object there.
        return PyObject_Vectorcall(
            handler.function, arguments + 1,
            <size_t>(handler.count + 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL)

    cdef object input_of(
        self, int32_t what, object source, int64_t number, object payload, object durable,
        int64_t told_ns, double chance
    ):
        return self.kit.make_input(
            KINDS[what], payload, source, number, told_ns, chance,
            {} if durable is None else durable)

    cdef object checked(self, Handler handler, object effects):
        """Effects that are not None: one, or a tuple of them."""
        if isinstance(effects, Effect) and not isinstance(effects, Postpone):
            return effects
        cdef tuple several = self.kit.as_effects(effects, handler.source)
        if self.mode_of is None and _POSTPONE in several:
            raise EffectError(
                f"{handler.source}: the node has no modes, so what it postpones would never come "
                "again; define mode(self, state)")
        return several
