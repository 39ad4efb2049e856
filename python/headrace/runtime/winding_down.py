"""What becomes of the other stages of a topology when one of them halts."""

from __future__ import annotations

from collections.abc import Callable

from headrace.errors import StepError
from headrace.runtime.stage import Records

OnFailure = Callable[[StepError, Records], bool]
OnCrash = Callable[[BaseException], None]


def winding_down(
    on_failure: OnFailure, on_crash: OnCrash, end_inputs: Callable[[], None]
) -> tuple[OnFailure, OnCrash]:
    """The same two, but once a stage halts, the others end when they are through with all there is.

    Otherwise they would wait for inputs that never come, and who reads the outputs, for them.
    """

    def failed(error: StepError, event: Records) -> bool:
        go_on = on_failure(error, event)
        if not go_on:
            end_inputs()
        return go_on

    def crashed(error: BaseException) -> None:
        on_crash(error)
        end_inputs()

    return failed, crashed
