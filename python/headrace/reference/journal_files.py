"""What a journal's folder holds, as plain values, and what an interruption may take of it.

Which part of what was not acknowledged is left depends on chance and on threads, which a model does
not have. So `after_kill` and `after_power_cut` are told how much is left, and raise LostPromise
where that is less than was acknowledged, or more than there ever was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from headrace.reference.steps import Array

OutputId = tuple[int, int]  # the last machine's input sequence, and the index


class LostPromise(AssertionError):
    """Something is gone that had been acknowledged, or there that never was."""


@dataclass(frozen=True)
class JournaledInput:
    """One input as the journal has it. `client` "": who called did not say."""

    event: Array  # of length 1
    time_ns: int
    called: bool = False
    client: str = ""
    number: int = 0


@dataclass(frozen=True)
class ReferenceAnswer:
    """What a client's last call came to: records, or an error."""

    number: int
    sequence: int
    records: Array
    error: str | None


@dataclass(frozen=True)
class ReferenceSnapshot:
    """All that an engine was before input `sequence`."""

    sequence: int
    states: list[tuple[Any, int]]  # each machine's, and the sequence of its next event
    answers: dict[str, ReferenceAnswer]
    made: int  # outputs, those of calls among them
    last_output: OutputId  # (-1, -1): there was none


@dataclass
class ReferenceFiles:
    """What is on the disk. `written` survives the process, `synced` the machine as well."""

    inputs: list[JournaledInput] = field(default_factory=list)
    written: int = 0
    synced: int = 0
    snapshots: list[ReferenceSnapshot] = field(default_factory=list)
    outputs: list[Array] | None = None  # from `outputs_first` on; None: there never was a journal
    outputs_first: int = 0
    outputs_written: int = 0
    outputs_synced: int = 0

    def after_kill(self, inputs: int, outputs: int | None) -> ReferenceFiles:
        """What is there when the process was killed and so many inputs and outputs are left.

        `outputs`: where their journal ends, None if there is none. Raises LostPromise.
        """
        left = self._after(inputs, self.written, outputs, self.outputs_written)
        left.synced = min(self.synced, inputs)
        left.outputs_synced = min(self.outputs_synced, left.outputs_written)
        return left

    def after_power_cut(self, inputs: int, outputs: int | None) -> ReferenceFiles:
        """The same when the power was cut."""
        return self._after(inputs, self.synced, outputs, self.outputs_synced)

    def _after(
        self, inputs: int, inputs_least: int, outputs: int | None, outputs_least: int
    ) -> ReferenceFiles:
        if not inputs_least <= inputs <= len(self.inputs):
            raise LostPromise(
                f"{inputs} inputs are left of {len(self.inputs)}; {inputs_least} were safe"
            )
        first, kept = self.outputs_first, self.outputs
        if outputs is None:
            if outputs_least:
                raise LostPromise(f"no outputs are left, and {outputs_least} were safe")
            first, kept = 0, None
        else:
            end = first + len(kept or [])
            if not outputs_least <= outputs <= end:
                raise LostPromise(f"{outputs} outputs are left of {end}; {outputs_least} were safe")
            kept = (kept or [])[: outputs - first]
        return ReferenceFiles(
            self.inputs[:inputs], inputs, inputs, list(self.snapshots), kept, first,
            outputs or 0, outputs or 0,
        )  # fmt: skip
