"""`headrace simulate --html`: a simulated run as a page."""

from __future__ import annotations

from headrace.debugger.page_run import write_run_page
from headrace.simulation import Run
from headrace.simulation.story import tell

from .console import counted, remark, stderr
from .simulate_report import again


def write_html(file: str, application: str, run: Run | None) -> None:
    """Tell a run once more, and write what happens in it. Raises UsageError, EnvironmentFailure."""
    if run is None:
        remark("no run failed, so there is no page; --seed S --runs 1 makes that of seed S")
        return
    story = tell(run.system, run.plan, traced=True)
    write_run_page(file, story, again=again(application, run.plan.seed))
    happened = counted(story.first + len(story.happened), "thing")
    stderr().print(f"{file}: {happened} that happened; open it in a browser")
