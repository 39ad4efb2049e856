"""Each planted bug of the model is caught, by the configuration that its table names."""

from __future__ import annotations

import pytest
from interleaving.model import load_model
from lengths import cases

from headrace.reference.memory import ModelViolation
from headrace.reference.views import Detail
from mutants.model_death_mutants import DEATH_CONFIGURATIONS, DEATH_MUTANTS
from mutants.model_mutants import CONFIGURATIONS as RING_CONFIGURATIONS
from mutants.model_mutants import MUTANTS as RING_MUTANTS
from mutants.model_mutants import Mutant

CONFIGURATIONS = {**RING_CONFIGURATIONS, **DEATH_CONFIGURATIONS}
MUTANTS = [*RING_MUTANTS, *DEATH_MUTANTS]
USED = sorted({(mutant.caught_by, mutant.detail.value) for mutant in MUTANTS})
LONG = {  # without a bug
    *("judged, weak", "two buriers", "end while publishing", "parking, join"),
    "join, two producers",
    *("leave, chain, reuse", "declared dead, one behind", "leaver killed", "declarer killed"),
}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_bug_is_caught(mutant: Mutant) -> None:
    model = load_model({mutant.module: (mutant.old, mutant.new)})
    with pytest.raises(ModelViolation):
        CONFIGURATIONS[mutant.caught_by](model).explore(mutant.detail)


@pytest.mark.parametrize(
    "used",
    cases(USED, {f"{name}, {detail}" for name, detail in USED if name in LONG}, ", ".join),
)
def test_model_without_bug_passes(used: tuple[str, str]) -> None:
    name, detail = used
    CONFIGURATIONS[name](load_model()).explore(Detail(detail))


def test_there_are_many_bugs_and_each_is_named_once() -> None:
    names = [mutant.name for mutant in MUTANTS]
    assert len(names) >= 15
    assert len(set(names)) == len(names)
    assert set(CONFIGURATIONS) == {mutant.caught_by for mutant in MUTANTS}


def test_stale_table_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 times"):
        load_model({"barrier": ("no such text", "")})
    with pytest.raises(ValueError, match="times, not once"):
        load_model({"barrier": ("yield", "")})
