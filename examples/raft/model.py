"""The store as clients see it: one server that never fails. Each key is a part of its own."""

from __future__ import annotations

import headrace as hr

from .messages import Answer, Append, Cas, Delete, Get, Put, Request


class OneServer(hr.Model):
    """Holds the value of one key."""

    def initial(self) -> str | None:
        return None

    def partition(self, request: Request) -> str:
        return request.key

    def step(self, state: str | None, request: Request) -> tuple[str | None, Answer]:
        match request:
            case Get():
                return state, Answer(value=state)
            case Put():
                return request.value, Answer()
            case Append():
                longer = request.value if state is None else state + request.value
                return longer, Answer(value=longer)
            case Cas() if request.expected == state:
                return request.value, Answer(value=request.value)
            case Cas():
                return state, Answer(ok=False, value=state)
            case Delete():
                return None, Answer(value=state)
