"""How `headrace run` finds the machine that APP names, and what it says where there is none."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_tools import MACHINES, in_folder, refused, succeeds

from headrace.cli.loading import load, load_system
from headrace.compose import Pipeline
from headrace.errors import UsageError
from headrace.machine import Machine


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    with in_folder(tmp_path) as folder:
        yield folder


def fails(application: str) -> str:
    """What is said about an application; the same by `load` and on the command line."""
    with pytest.raises(UsageError) as caught:
        load(application)
    told = refused("run", application, "-i", "trades.csv")
    assert told == f"error: {caught.value}\n"
    return str(caught.value)


# -- what is found ---------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["machines.py:{}", "./machines.py:{}", "{folder}/machines.py:{}"])
def test_in_a_file(form: str, folder: Path) -> None:
    found = load(form.format("total", folder=folder))
    assert isinstance(found, Machine)
    assert found.name == "total"


def test_in_a_module_of_this_folder() -> None:
    assert isinstance(load("machines:total"), Machine)


def test_in_a_module_of_a_package(folder: Path) -> None:
    (folder / "shop").mkdir()
    (folder / "shop" / "__init__.py").touch()
    (folder / "shop" / "machines.py").write_text(MACHINES)
    assert isinstance(load("shop.machines:total"), Machine)


def test_class_attribute_and_pipeline(folder: Path) -> None:
    assert type(load("machines.py:Counter")).__name__ == "Counter"
    assert isinstance(load("machines.py:totals_then_large"), Pipeline)
    with (folder / "machines.py").open("a") as file:
        file.write("\nclass space:\n    inner = total\n")
    assert isinstance(load("machines.py:space.inner"), Machine)


def test_file_imports_its_neighbours(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "parts_of_it.py").write_text(MACHINES)
    (folder / "sub" / "app.py").write_text("from parts_of_it import total\n")
    assert isinstance(load("sub/app.py:total"), Machine)


def test_file_called_like_a_module_in_use(folder: Path) -> None:
    (folder / "json.py").write_text(MACHINES)
    before = sys.modules["json"]
    assert isinstance(load("json.py:total"), Machine)
    assert sys.modules["json"] is before


def test_file_with_strange_names(folder: Path) -> None:
    path = folder / "a:b" / "two words [x].py"
    path.parent.mkdir()
    path.write_text(MACHINES)
    succeeds("run", f"{path}:total", "-i", "trades.csv")


# -- what is not -----------------------------------------------------------------------------


@pytest.mark.parametrize("application", ["machines.py", "machines", "machines.py:", "machines:"])
def test_without_a_machine_those_there_are_told(application: str) -> None:
    told = fails(application)
    assert told.startswith(f"{application!r} names no machine: give module:machine or file.py:")
    assert "; in machines.py there is total, count, inverse, " in told


@pytest.mark.parametrize("application", [":total", "nothing", "", "nothing.py", ":"])
def test_no_name_and_no_file(application: str) -> None:
    assert fails(application).endswith("give module:machine or file.py:machine")


def test_no_such_file_or_module(folder: Path) -> None:
    assert fails("gone.py:total") == "gone.py: no such file, so there is no machine in it"
    assert fails("sub/gone:total") == "sub/gone: no such file, so there is no machine in it"
    assert fails("gone:total") == "no module 'gone' is installed or in this folder"
    assert fails("gone.deep:total") == "no module 'gone' is installed or in this folder"
    assert fails("json.gone:total") == "no module 'json.gone' is installed or in this folder"
    (folder / "machines").write_text(MACHINES)
    assert fails("./machines:total") == "./machines: is no Python file; its name should end in .py"


def test_no_such_machine(folder: Path) -> None:
    assert fails("machines.py:totl").endswith("machines.py has no 'totl'; did you mean 'total'?")
    assert "machines.py has no 'xyz'; it has total, count, inverse" in fails("machines.py:xyz")
    (folder / "empty.py").touch()
    assert fails("empty.py:x") == "empty.py has no 'x'; there is no machine in it at all"


@pytest.mark.parametrize(
    ("name", "what"),
    [("one_over", "a function"), ("TRADE", "of type list"), ("hr", "a module")],
)
def test_what_is_no_machine(name: str, what: str) -> None:
    told = fails(f"machines.py:{name}")
    assert told.startswith(f"machines.py:{name} is {what}, no machine; decorate a step function")


IMPORT_FAILURES = [
    ("import json\n\nimport gone\n", "ModuleNotFoundError: No module named 'gone'", ":3: import"),
    ("x = = 1\n", "SyntaxError: invalid syntax", "broken.py:1)"),
    ("def f():\n    return 1 / 0\nf()\n", "ZeroDivisionError: division", ":2, in f: return 1 / 0)"),
    ("import json\njson.loads('{')\n", "JSONDecodeError: ", ":2: json.loads('{'))"),
    ("import sys\nsys.exit('bye')\n", "SystemExit: bye", ":2: sys.exit('bye'))"),
    (
        "import headrace as hr\n@hr.machine(event='O', initial=int)\ndef f(state, value): ...\n",
        "DtypeError: ",
        ":2: @hr.machine(",
    ),
    (
        "import headrace as hr\n@hr.machine(event='i8', initial=int)\ndef f(state, valeu): ...\n",
        "did you mean 'value'?",
        ":2: @hr.machine(",
    ),
]


@pytest.mark.parametrize("application", ["broken.py:f", "broken:f"])
@pytest.mark.parametrize(("text", "reason", "place"), IMPORT_FAILURES)
def test_import_that_fails(
    text: str, reason: str, place: str, application: str, folder: Path
) -> None:
    (folder / "broken.py").write_text(text)
    told = fails(application)
    assert told.startswith(f"{application[:-2]} cannot be imported: ")
    assert reason in told
    # The place is in the user's own file, also where a library raised.
    assert f"({folder}/broken.py:" in told
    assert place in told


def test_import_that_fails_leaves_no_module(folder: Path) -> None:
    (folder / "broken.py").write_text("raise ValueError('first')\n")
    assert "first" in fails("broken.py:total")
    assert "broken" not in sys.modules
    (folder / "broken.py").write_text(MACHINES)
    assert isinstance(load("broken.py:total"), Machine)


def test_class_that_cannot_be_made(folder: Path) -> None:
    with (folder / "machines.py").open("a") as file:
        file.write(
            "\nclass Other(Counter):\n"
            "    def __init__(self, size):\n        super().__init__()\n"
            "class Bare(hr.Machine):\n    pass\n"
        )
    told = fails("machines.py:Other")
    assert "machines.py:Other cannot be made a machine without arguments: TypeError: " in told
    assert told.endswith("; make one yourself in the file, and name that")
    assert "has no event dtype" in fails("machines.py:Bare")


SYSTEM = """
import headrace as hr

class Quiet(hr.Node):
    @hr.on.start()
    def start(self, state):
        return state, None

pair = hr.System({"a": Quiet(), "b.c": Quiet()})
"""


def test_the_machine_of_a_node(folder: Path) -> None:
    (folder / "pairs.py").write_text(SYSTEM)
    for name in ("a", "b.c"):
        machine = load(f"pairs.py:pair.{name}")
        assert isinstance(machine, Machine)
        assert machine.name == name
    assert fails("pairs.py:pair.d") == "there is no node 'd'; there are a, b.c"
    told = fails("pairs.py:pair")
    assert told == "pairs.py:pair is a system, whose nodes have machines: pairs.py:pair.a"
    assert load_system("pairs.py:pair").names == ("a", "b.c")
    with pytest.raises(UsageError, match=r"pairs.py:Quiet is a function, no system"):
        load_system("pairs.py:Quiet")
