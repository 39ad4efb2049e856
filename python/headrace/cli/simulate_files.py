"""What `headrace simulate` writes of a run: a test, journals, a page."""

from __future__ import annotations

import os
from dataclasses import dataclass

from headrace.debugger.page_run import write_run_page
from headrace.errors import UsageError
from headrace.simulation import Run, Simulation
from headrace.simulation.journals import write_journals
from headrace.simulation.story import tell

from .console import counted, remark, stderr, stdout
from .simulate_report import again, print_journals
from .simulate_to_test import write_test


@dataclass(frozen=True)
class Files:
    """Where each is to go; None: it is not wanted."""

    to_test: str | None
    journals: str | None
    html: str | None

    def check(self) -> None:
        """Raise UsageError for what is there already, before any run is made."""
        if self.to_test is not None and os.path.exists(self.to_test):
            raise UsageError(f"{self.to_test}: exists already; it may have been changed by hand")
        folder = self.journals
        if folder is not None and os.path.isdir(folder) and os.listdir(folder):
            raise UsageError(f"{folder}: is not empty; give a folder that is not there yet")

    def write(self, simulation: Simulation, application: str, seed: int, failed: Run) -> None:
        """Write what is wanted of a run that failed, and was found by that seed."""
        if self.to_test is not None:
            write_test(self.to_test, application, simulation, failed)
        if self.journals is not None:
            story = tell(simulation.system, failed.plan)
            print_journals(stdout(), application, write_journals(story, self.journals))
        self.write_page(application, seed, failed)

    def write_page(self, application: str, seed: int, run: Run | None) -> None:
        """Tell a run once more, and write what happens in it, if a page is wanted.

        Raises UsageError, EnvironmentFailure.
        """
        if self.html is None:
            return
        if run is None:
            remark("no run failed, so there is no page; --seed S --runs 1 makes that of seed S")
            return
        story = tell(run.system, run.plan, traced=True)
        write_run_page(self.html, story, again=again(application, seed))
        happened = counted(story.first + len(story.happened), "thing")
        stderr().print(f"{self.html}: {happened} that happened; open it in a browser")
