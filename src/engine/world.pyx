"""A simulated world, compiled: what `headrace.simulation.plain_world` defines, and nothing else.

What is rare (disks, clocks that are wrong, looking a handler up for the first time) is left to the
Python objects of the `kit`; a message on its way from one handler to another meets only this file.
"""

from cpython.ref cimport PyObject
from libc.stdint cimport int32_t, int64_t, uint64_t

from headrace.engine.chance cimport as_float, mix
from headrace.engine.effects cimport (
    Cancel,
    Effect,
    Persist,
    Postpone,
    Reply,
    Request,
    Send,
    Timer,
)
from headrace.engine.endpoint cimport Endpoint, Handler
from headrace.engine.eventqueue cimport Event, EventQueue
from headrace.engine.happening cimport (
    CRASH,
    DOWN,
    FULL,
    MESSAGE,
    PAUSE,
    REPLY,
    REQUEST,
    RESTART,
    RESUME,
    START,
    SYNCED,
    TIMER,
)
from headrace.engine.wire cimport Wire

from headrace.engine.effects import postpone
from headrace.engine.errors import EffectError

cdef extern from "Python.h":
    PyObject *PyDict_GetItemWithError(object mapping, object key) except? NULL

cdef enum:  # the purpose of numbers
    FOR_CHANCE = 3


cdef class World(Wire):
    """The world: names and nodes, the nodes first, then the clients.

    `kit`: what is Python's part of it: record_type, make_input, make_caller, make_clock,
    as_effects, not_a_step, unhandled, failed, label. Belongs to one thread.
    """

    def __cinit__(self, seed, tuple names, tuple nodes, int32_t node_count, tuple disks, network,
                  kit):
        cdef uint64_t start = seed & 0xFFFFFFFFFFFFFFFF
        self.indexes = {name: index for index, name in enumerate(names)}
        self.endpoints = [
            Endpoint(
                index, name, nodes[index], disks[index], names[:node_count], kit,
                mix(mix(start, FOR_CHANCE), <uint64_t>index))
            for index, name in enumerate(names)]
        self.kit = kit

    # -- what the outside does -------------------------------------------------------------------

    def start(self, int32_t index):
        """Start a node that is not up, from its disk."""
        cdef Endpoint endpoint = self.endpoints[index]
        if endpoint.is_up:
            return
        endpoint.life += 1
        endpoint.is_up = True
        endpoint.is_paused = False
        endpoint.state = endpoint.initial()
        self.arrive(endpoint, START if endpoint.life == 1 else RESTART, index, 0, None)

    def crash(self, int32_t index):
        """End a node: its state, its timers and its effects that waited for the disk are gone."""
        cdef Endpoint endpoint = self.endpoints[index]
        if not endpoint.is_up:
            return
        self.tell(CRASH, index, index, 0, None)
        endpoint.forget()

    def pause(self, int32_t index):
        """Stop a node without ending it: its inputs wait. One that is not up cannot be stopped."""
        cdef Endpoint endpoint = self.endpoints[index]
        if endpoint.is_up and not endpoint.is_paused:
            self.tell(PAUSE, index, index, 0, None)
            endpoint.is_paused = True

    def resume(self, int32_t index):
        """Let it go on, first with what has come meanwhile."""
        cdef Endpoint endpoint = self.endpoints[index]
        if not endpoint.is_paused:
            return  # it may have crashed since, which ends a pause
        self.tell(RESUME, index, index, 0, None)
        endpoint.is_paused = False
        backlog, endpoint.backlog = endpoint.backlog, []
        for what, source, number, payload in backlog:
            self.arrive(endpoint, what, source, number, payload)

    def drift(self, int32_t index, ppm):
        """Let a node's clock run faster by so many millionths; its timers with it."""
        cdef Endpoint endpoint = self.endpoints[index]
        self._clock(endpoint).drift(self.now_ns, ppm)
        for name, (_, local_ns) in list(endpoint.timers.items()):
            self.set_timer(endpoint, name, local_ns)

    def jump(self, int32_t index, by_ns):
        """Let a node's clock tell another time."""
        self._clock(self.endpoints[index]).jump(by_ns)

    def _clock(self, Endpoint endpoint):
        if endpoint.clock is None:
            endpoint.clock = self.kit.make_clock()
        return endpoint.clock

    # -- looking at it ---------------------------------------------------------------------------

    def state(self, int32_t index):
        """The state of a node; None if it is down."""
        return (<Endpoint>self.endpoints[index]).state

    def is_up(self, int32_t index):
        """Whether a node runs, paused or not."""
        return (<Endpoint>self.endpoints[index]).is_up

    def handled(self, counter):
        """Add to a counter how often each handler was called, by the labels of the kit."""
        cdef Endpoint endpoint
        for endpoint in self.endpoints:
            endpoint.add_hits(counter)

    # -- going on --------------------------------------------------------------------------------

    def run(self, int64_t until_ns, int64_t taken_max):
        """Go on to that time, inclusive; whether it got there before that many more inputs."""
        cdef int64_t taken_end = self.taken + taken_max
        cdef EventQueue queue = self.queue
        cdef Event event
        while queue.count and queue.next_ns() <= until_ns:
            if self.taken >= taken_end:
                return False
            self.now_ns = queue.next_ns()
            payload = queue.pop(&event)
            self.arrive(
                <Endpoint>self.endpoints[event.to], event.what, event.source, event.number, payload)
        self.now_ns = max(self.now_ns, until_ns)
        return True

    cdef int arrive(
        self, Endpoint endpoint, int32_t what, int32_t source, int64_t number, object payload
    ) except -1:
        if what == SYNCED:
            if number == endpoint.life and endpoint.syncing:
                endpoint.syncing = False
                endpoint.disk.end_sync()
                self.release(endpoint)
            return 0
        if what == TIMER:
            timer = endpoint.timers.get(payload)
            if timer is None or <int64_t>timer[0] != number:
                return 0  # set anew, cancelled, or of an earlier life
        if not endpoint.is_up:
            return self.tell(DOWN, endpoint.index, source, number, payload)
        if endpoint.is_paused:
            endpoint.backlog.append((what, source, number, payload))
            return 0
        if what == TIMER:
            del endpoint.timers[payload]
        if endpoint.mode_of is None:
            return self.take(endpoint, what, source, number, payload)
        mode = endpoint.mode_of(endpoint.state)
        self.take(endpoint, what, source, number, payload)
        if endpoint.postponed:
            self.take_postponed(endpoint, mode)
        return 0

    cdef int take_postponed(self, Endpoint endpoint, object mode) except -1:
        """After a change of mode what was postponed comes first, in the order in which it came."""
        cdef list again = []
        while endpoint.is_up:
            now = endpoint.mode_of(endpoint.state)
            if now != mode:
                mode = now
                again = endpoint.postponed + again
                endpoint.postponed = []
            if not again:
                return 0
            what, source, number, payload = again.pop(0)
            self.take(endpoint, what, source, number, payload)
        return 0

    cdef int take(
        self, Endpoint endpoint, int32_t what, int32_t source, int64_t number, object payload
    ) except -1:
        cdef Handler handler
        cdef double chance = 0.0
        cdef int64_t told_ns = self.now_ns
        self.tell(what, endpoint.index, source, number, payload)
        self.taken += 1
        if MESSAGE <= what <= REPLY:
            self.delivered += 1
        if endpoint.clock is not None:
            told_ns = endpoint.clock.told_ns(self.now_ns)
        durable = endpoint.disk.open() if what <= RESTART else None
        effects = None
        try:
            mode = None if endpoint.mode_of is None else endpoint.mode_of(endpoint.state)
            handler = endpoint.handler_of(mode, what, payload)
            if handler is not None:
                handler.hits += 1
                if handler.asks_chance:
                    endpoint.chances += 1
                    chance = as_float(mix(endpoint.chance_seed, endpoint.chances))
                result = endpoint.call(
                    handler, self.names[source], number, payload, durable, told_ns, chance)
                if type(result) is not tuple or len(<tuple>result) != 2:
                    raise self.kit.not_a_step(handler.source, result)
                effects = (<tuple>result)[1]
                if effects is not None and not isinstance(effects, Send):
                    effects = endpoint.checked(handler, effects)
                endpoint.state = (<tuple>result)[0]
        except Exception as error:
            raise self.kit.failed(
                endpoint.index, self.now_ns,
                endpoint.input_of(
                    what, self.names[source], number, payload, durable, told_ns, chance),
                error) from error
        if type(effects) is tuple and _POSTPONE in <tuple>effects:
            endpoint.postponed.append((what, source, number, payload))
        if self.stepped is not None:
            self.stepped(
                endpoint.index,
                endpoint.input_of(
                    what, self.names[source], number, payload, durable, told_ns, chance),
                self.kit.as_effects(effects, ""))
        if effects is not None:
            self.keep_or_carry_out(endpoint, effects)
        if self.check is not None:
            self.check(endpoint.index)
        return 0

    # -- effects ---------------------------------------------------------------------------------

    cdef int keep_or_carry_out(self, Endpoint endpoint, object effects) except -1:
        """Carry effects out, one or a tuple of them, or keep those that the disk is waited for."""
        cdef Effect effect
        if endpoint.syncing or endpoint.held or type(effects) is tuple:
            if not endpoint.syncing and not endpoint.held:
                for effect in <tuple>effects:
                    if type(effect) is Persist:
                        break
                else:
                    for effect in <tuple>effects:
                        self.carry_out(endpoint, effect)
                    return 0
            if type(effects) is tuple:
                endpoint.held.extend(<tuple>effects)
            else:
                endpoint.held.append(effects)
            return self.release(endpoint)
        if type(effects) is Persist:
            return self.persist(endpoint, <Persist>effects)
        return self.carry_out(endpoint, <Effect>effects)

    cdef int release(self, Endpoint endpoint) except -1:
        """Carry out what waits, up to the first that the disk has to be waited for."""
        cdef list held = endpoint.held
        cdef Effect effect
        while endpoint.held_from < len(held) and not endpoint.syncing:
            effect = held[endpoint.held_from]
            endpoint.held_from += 1
            if type(effect) is Persist:
                self.persist(endpoint, <Persist>effect)
                if not endpoint.is_up:
                    return 0
            else:
                self.carry_out(endpoint, effect)
        if endpoint.held_from >= len(held):
            endpoint.held = []
            endpoint.held_from = 0
        return 0

    cdef int persist(self, Endpoint endpoint, Persist effect) except -1:
        """Write, together with all that is written right behind it; then one sync for all."""
        cdef list held = endpoint.held
        cdef bint sync = effect.sync
        disk = endpoint.disk
        if disk.is_full:
            self.tell(FULL, endpoint.index, endpoint.index, 0, None)
            self.crash(endpoint.index)
            return 0
        disk.write(effect.key, effect.value)
        while endpoint.held_from < len(held) and type(held[endpoint.held_from]) is Persist:
            effect = <Persist>held[endpoint.held_from]
            endpoint.held_from += 1
            sync = sync or effect.sync
            disk.write(effect.key, effect.value)
        if sync:
            after_ns = disk.begin_sync()
            if after_ns == 0:
                disk.end_sync()
                return 0
            endpoint.syncing = True
            self.push(
                self.now_ns + after_ns, SYNCED, endpoint.index, endpoint.index, endpoint.life, None)
        return 0

    cdef int carry_out(self, Endpoint endpoint, Effect effect) except -1:
        cdef int32_t source = endpoint.index
        cdef int64_t running_ns
        kind = type(effect)
        if kind is Send:
            to = (<Send>effect).to
            message = (<Send>effect).message
            if type(to) is tuple:
                for one in <tuple>to:
                    self.transmit(MESSAGE, source, self.index_of(endpoint, one), 0, message)
            else:
                self.transmit(MESSAGE, source, self.index_of(endpoint, to), 0, message)
        elif kind is Reply:
            caller = (<Reply>effect).caller
            self.transmit(
                REPLY, source, self.index_of(endpoint, caller.client), caller.number,
                (<Reply>effect).reply)
        elif kind is Request:
            self.transmit(
                REQUEST, source, self.index_of(endpoint, (<Request>effect).to),
                (<Request>effect).number, (<Request>effect).request)
        elif kind is Timer:
            running_ns = self.now_ns
            if endpoint.clock is not None:
                running_ns = endpoint.clock.running_ns(self.now_ns)
            self.set_timer(
                endpoint, (<Timer>effect).name, running_ns + (<Timer>effect).after_ns)
        elif kind is Cancel:
            endpoint.timers.pop((<Cancel>effect).name, None)
        return 0

    cdef int32_t index_of(self, Endpoint endpoint, object name) except -1:
        cdef PyObject *found = PyDict_GetItemWithError(self.indexes, name)
        if found == NULL:
            raise EffectError(
                f"node {endpoint.name!r} sends to {name!r}, which is not there; there are "
                f"{', '.join(self.names)}")
        return <object>found

    cdef int set_timer(self, Endpoint endpoint, object name, int64_t local_ns) except -1:
        cdef int64_t number = self.pushed + 1
        due_ns = local_ns if endpoint.clock is None else endpoint.clock.due_ns(local_ns)
        endpoint.timers[name] = (number, local_ns)
        if due_ns is None:
            self.pushed += 1
            return 0
        return self.push(
            max(<int64_t>due_ns, self.now_ns), TIMER, endpoint.index, endpoint.index, number, name)


_POSTPONE = postpone()
