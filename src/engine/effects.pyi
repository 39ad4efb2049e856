from typing import Any, final

__test__: dict[str, str]  # Cython's

AFTER_NS_MAX: int

class Effect:
    def __eq__(self, value: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[Any, ...]: ...

@final
class Send(Effect):
    to: Any
    message: Any

@final
class Request(Effect):
    to: Any
    number: Any
    request: Any

@final
class Reply(Effect):
    caller: Any
    reply: Any

@final
class Timer(Effect):
    name: Any
    after_ns: int

@final
class Cancel(Effect):
    name: Any

@final
class Persist(Effect):
    key: str
    value: Any
    sync: bool

@final
class Postpone(Effect): ...

def send(to: Any, message: Any) -> Send: ...
def request(to: Any, number: Any, request: Any) -> Request: ...
def reply(caller: Any, reply: Any) -> Reply: ...
def timer(name: Any, after_ns: int) -> Timer: ...
def cancel(name: Any) -> Cancel: ...
def persist(key: str, value: Any, sync: bool = True) -> Persist: ...
def postpone() -> Postpone: ...
