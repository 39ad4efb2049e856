"""What an exploration came to."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from headrace.errors import ExplorationFailed, UsageError
from headrace.exploring.bounds import Bounds
from headrace.exploring.path import Path
from headrace.system.system import System

_KINDS = ("raised", "always", "eventually", "sometimes")  # which counts first, if several are bad


@dataclass(frozen=True)
class Verdict:
    """What became of one property.

    `kind`: always, sometimes, eventually, or raised: a handler failed. `verdict`: ok; bad: `path`
    is a counterexample (of a `sometimes`, there is no state in which it holds); or unknown, because
    not all was looked at: `reason` says why. Of a `sometimes` that is ok, `path` leads to where it
    holds.
    """

    kind: str
    name: str
    verdict: str
    path: Path | None = None
    reason: str = ""

    def __str__(self) -> str:
        said = {"ok": "holds", "bad": "does not hold", "unknown": "unknown"}[self.verdict]
        if self.kind == "sometimes" and self.verdict != "unknown":
            said = "can be reached" if self.verdict == "ok" else "cannot be reached"
        if self.kind == "raised":
            return f"{self.name}: a handler raises"
        steps = f", in {len(self.path)} steps" if self.path is not None else ""
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.kind} {self.name}: {said}{steps}{reason}"


@dataclass(frozen=True)
class Exploration:
    """What there is to be reached. `str()` tells it; it has no truth value: compare `verdict`.

    `verdicts`: one for each property, and one if a handler raised. `states`: how many were made,
    `unique`: how many different ones, `depth`: how many steps the farthest takes (depth first: on
    the way it was found). `complete`: all within the bounds were looked at; else `stopped` says why
    not. `local_states`, `inputs`: how many different ones nodes had and took. `size_bytes`: about
    what all this took in memory. `seconds`: by the wall clock.
    """

    system: System = field(repr=False)
    bounds: Bounds = field(repr=False)
    verdicts: tuple[Verdict, ...]
    states: int
    unique: int
    depth: int
    complete: bool
    stopped: str
    local_states: int
    inputs: int
    size_bytes: int
    seconds: float

    def __bool__(self) -> bool:
        raise UsageError("an exploration has no truth value; compare its verdict")

    @property
    def verdict(self) -> str:
        """bad if something is; else unknown if something is, or not all was looked at; else ok."""
        said = {each.verdict for each in self.verdicts}
        if "bad" in said:
            return "bad"
        return "unknown" if "unknown" in said or not self.complete else "ok"

    @property
    def failed(self) -> Verdict | None:
        """The verdict that is bad; if several are, the one that the search ended with, if any."""
        bad = [each for each in self.verdicts if each.verdict == "bad"]
        return min(bad, key=lambda each: _KINDS.index(each.kind), default=None)

    @property
    def counterexample(self) -> Path | None:
        """The path of the first verdict that is bad; None if there is none."""
        return None if self.failed is None else self.failed.path

    def __getitem__(self, name: str) -> Verdict:
        """The verdict about a property, by its name. Raises UsageError."""
        for each in self.verdicts:
            if each.name == name:
                return each
        raise UsageError(
            f"no property is called {name!r}; there are "
            f"{', '.join(each.name for each in self.verdicts) or 'none'}"
        )

    def check(self) -> Exploration:
        """Itself. Raises ExplorationFailed, with the counterexample, unless its verdict is ok."""
        if self.verdict != "ok":
            raise ExplorationFailed(str(self))
        return self

    @property
    def counts(self) -> str:
        """States, different ones and depth, in a line."""
        rate = self.unique / max(self.seconds, 1e-9)
        return (
            f"{self.unique:,} unique states of {self.states:,}, depth {self.depth:,}, in "
            f"{self.seconds:.2f} s ({rate:,.0f} a second), {self.size_bytes / 1e6:,.1f} MB"
        )

    def __str__(self) -> str:
        lines = [f"{self.verdict}: {self.counts}", f"within: {self.bounds}"]
        if not self.complete:
            lines.append(f"not all was looked at: {self.stopped}")
        lines += [f"  {each}" for each in self.verdicts]
        if self.failed is not None and self.failed.path is not None:
            lines += [f"{self.failed}:", str(self.failed.path)]
        return "\n".join(lines)

    def to_journals(self, folder: str) -> dict[str, str]:
        """Write the counterexample as journals; see `Path.to_journals`. Raises UsageError too."""
        if self.counterexample is None:
            raise UsageError("there is no counterexample, and so nothing for journals")
        return self.counterexample.to_journals(self.system, folder)

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write the counterexample as a page; see `Path.to_html`. Raises UsageError if none is."""
        if self.counterexample is None:
            raise UsageError("there is no counterexample, and so nothing for a page")
        self.counterexample.to_html(path)
