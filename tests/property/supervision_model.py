"""Erlang/OTP's supervisor once more, as plainly as can be: one event at a time, by recursion.

Nothing waits here: a stop is a call that returns when the child is gone, which takes `shutdown`
seconds if it does not stop by itself. So it says what becomes of events that do not overlap.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from headrace.supervision import Child, Script, Supervisor


@dataclass(eq=False)
class Kid:
    child: Child
    path: str
    alive: str = "no"  # or "yes", or "again": could not be started, and is to be
    below: Sup | None = None


@dataclass(eq=False)
class Sup:
    spec: Supervisor
    path: str
    parent: Sup | None = None
    own: Kid | None = None  # what it is to its parent
    kids: list[Kid] = field(default_factory=list)
    restarts: list[float] = field(default_factory=list)
    made: int = 0


class Model:
    """A tree; `trace` is in the words of tests/supervision_case.py."""

    def __init__(self, spec: Supervisor, scripts: dict[str, Script]) -> None:
        self.scripts = scripts
        self.trace: list[str] = []
        self.counts: dict[str, int] = {}
        self.now = 0.0
        self.top: Sup | None = self.new(spec, "", None, None)
        if not self.start(self.top):
            self.top = None

    def new(self, spec: Supervisor, path: str, parent: Sup | None, own: Kid | None) -> Sup:
        sup = Sup(spec, path, parent, own)
        if spec.strategy != "simple_one_for_one":
            sup.kids = [Kid(child, self.join(path, child.name)) for child in spec.children]
        return sup

    @staticmethod
    def join(path: str, name: str) -> str:
        return f"{path}/{name}" if path else name

    def script(self, sup: Sup, kid: Kid) -> Script:
        template = self.join(sup.path, kid.child.name)
        return self.scripts.get(kid.path) or self.scripts.get(template) or Script()

    # -- starting and stopping -------------------------------------------------------------------

    def start(self, sup: Sup) -> bool:
        for kid in list(sup.kids):
            if not self.start_kid(sup, kid):
                self.stop(sup)
                return False
        return True

    def start_kid(self, sup: Sup, kid: Kid) -> bool:
        if isinstance(kid.child.start, Supervisor):
            below = self.new(kid.child.start, kid.path, sup, kid)
            if self.start(below):
                kid.below, kid.alive = below, "yes"
                return True
            kid.alive = "no"
            return False
        self.counts[kid.path] = count = self.counts.get(kid.path, 0) + 1
        starts = self.script(sup, kid).starts
        outcome = starts[count - 1] if count <= len(starts) else "ok"
        self.trace.append({"ok": "+", "fail": "?", "ignore": "0"}[outcome] + kid.path)
        kid.alive = "yes" if outcome == "ok" else "no"
        if outcome == "ignore":
            self.lost(sup, kid)
        return outcome != "fail"

    def lost(self, sup: Sup, kid: Kid) -> None:
        kid.alive, kid.below = "no", None
        forgets = kid.child.restart == "temporary" or sup.spec.strategy == "simple_one_for_one"
        if forgets and kid in sup.kids:
            sup.kids.remove(kid)

    def stop_kid(self, sup: Sup, kid: Kid) -> None:
        if kid.below is not None:
            self.stop(kid.below)
        elif kid.alive == "yes" and kid.child.shutdown == "brutal_kill":
            self.trace.append("!" + kid.path)
        elif kid.alive == "yes":
            self.trace.append("-" + kid.path)
            if self.script(sup, kid).stop_s is None:
                assert isinstance(kid.child.shutdown, float)
                self.now += kid.child.shutdown
                self.trace.append("!" + kid.path)
        self.lost(sup, kid)

    def stop(self, sup: Sup) -> None:
        if sup.spec.strategy == "simple_one_for_one":
            self.stop_instances(sup)
        for kid in reversed(list(sup.kids)):
            self.stop_kid(sup, kid)

    def stop_instances(self, sup: Sup) -> None:
        """All at the same time, and those that do not stop are killed at the same time."""
        paths = [kid.path for kid in reversed(sup.kids) if kid.alive == "yes"]
        stubborn = [k for k in reversed(sup.kids) if self.script(sup, k).stop_s is None]
        shutdown = sup.spec.children[0].shutdown
        if shutdown == "brutal_kill":
            self.trace += ["!" + path for path in paths]
        else:
            self.trace += ["-" + path for path in paths]
            self.trace += ["!" + kid.path for kid in stubborn if kid.path in paths]
            if stubborn:
                assert isinstance(shutdown, float)
                self.now += shutdown
        sup.kids.clear()

    # -- ends ------------------------------------------------------------------------------------

    def exit(self, sup: Sup, kid: Kid, kind: str) -> None:
        """A child has ended by itself, and perhaps supervisors with it."""
        kid.alive = "no"
        while self.ended(sup, kid, kind):
            self.stop(sup)
            if sup.parent is None:
                self.top = None
                return
            assert sup.own is not None
            sup, kid, kind = sup.parent, sup.own, "shutdown"
            kid.alive, kid.below = "no", None

    def ended(self, sup: Sup, kid: Kid, kind: str) -> bool:
        """Whether the supervisor ends, too."""
        restart = kid.child.restart
        if restart == "permanent" or (restart == "transient" and kind in ("error", "killed")):
            return self.too_often(sup, kid)
        self.lost(sup, kid)
        if not kid.child.significant or sup.spec.auto_shutdown == "never":
            return False
        left = [each for each in sup.kids if each.child.significant and each.alive != "no"]
        return sup.spec.auto_shutdown == "any_significant" or not left

    def too_often(self, sup: Sup, kid: Kid) -> bool:
        """Start a child again, until that works or has been done too often."""
        while True:
            sup.restarts.append(self.now)
            recent = [at for at in sup.restarts if self.now - at <= sup.spec.period]
            if len(recent) > sup.spec.intensity:
                self.lost(sup, kid)
                return True
            group = [kid]
            if sup.spec.strategy == "one_for_all":
                group = list(sup.kids)
            elif sup.spec.strategy == "rest_for_one":
                group = sup.kids[sup.kids.index(kid) :]
            for each in reversed(group):
                if each is not kid:
                    self.stop_kid(sup, each)
            failed = None
            for each in group:
                if each in sup.kids and failed is None and not self.start_kid(sup, each):
                    failed = each
            if failed is None:
                return False
            kid = failed

    # -- requests --------------------------------------------------------------------------------

    def find(self, path: str) -> tuple[Sup, Kid] | None:
        return next(((sup, kid) for sup, kid in self.all() if kid.path == path), None)

    def all(self, sup: Sup | None = None) -> list[tuple[Sup, Kid]]:
        sup = sup or self.top
        found = []
        for kid in sup.kids if sup else []:
            found.append((sup, kid))
            if kid.below is not None:
                found += self.all(kid.below)
        return found

    def request(self, what: str, path: str) -> str:
        found = self.find(path)
        if found is None:
            simple = self.top is not None and self.top.spec.strategy == "simple_one_for_one"
            at_top = what != "terminate" and "/" not in path
            return "simple_one_for_one" if simple and at_top else "not_found"
        sup, kid = found
        if what == "terminate":
            self.stop_kid(sup, kid)
            return "ok"
        if sup.spec.strategy == "simple_one_for_one":
            return "simple_one_for_one"
        if kid.alive == "yes":
            return "running"
        if what == "delete":
            sup.kids.remove(kid)
            return "ok"
        return self.outcome(sup, kid)

    def outcome(self, sup: Sup, kid: Kid) -> str:
        if not self.start_kid(sup, kid):
            return "start_failed"
        return "ok" if kid.alive == "yes" else "ignored"

    def add(self, sup: Sup, child: Child) -> str:
        if sup.spec.strategy == "simple_one_for_one":
            sup.made += 1
            template = sup.spec.children[0]
            kid = Kid(template, self.join(sup.path, f"{template.name}-{sup.made}"))
        elif child.significant and sup.spec.auto_shutdown == "never":
            return "invalid"
        else:
            kid = Kid(child, self.join(sup.path, child.name))
            if (there := next((k for k in sup.kids if k.path == kid.path), None)) is not None:
                return "already_started" if there.alive == "yes" else "already_present"
        sup.kids.append(kid)
        outcome = self.outcome(sup, kid)
        if outcome == "start_failed":
            sup.kids.remove(kid)
        return outcome

    @property
    def running(self) -> set[str]:
        return {kid.path for _, kid in self.all() if kid.alive == "yes" and kid.below is None}
