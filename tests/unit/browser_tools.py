"""A headless Chromium, driven by its DevTools protocol over a pipe: JSON texts, with NUL behind."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium")
ANSWER_SECONDS = 60.0
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run "
    "--disable-extensions --disable-background-networking --disable-component-update "
    "--disable-sync --hide-scrollbars --mute-audio --remote-debugging-pipe"
)
# Expressions: texts whose contrast with what is behind them is low; where the parts of a page are.
CONTRAST = """
(() => {
  const light = (text) => {
    const [r, g, b] = text.match(/[\\d.]+/g).map(Number).map((value) => value / 255)
      .map((value) => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const low = [];
  for (const node of document.querySelectorAll("h1, h2, h3, span, td, th, dt, dd, del, ins, b")) {
    if (!node.textContent.trim() || !node.offsetParent) continue;
    const [a, b] = [light(getComputedStyle(node).color), light(behind(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push([node.tagName, node.className, node.textContent, ratio]);
  }
  return low;
})()
"""
BOXES = """
JSON.stringify([...document.querySelectorAll("header *, section, .title, .title input")]
  .filter((each) => each.offsetParent).map((each) => {
    const { x, y, right, bottom } = each.getBoundingClientRect();
    return [x, y, right, bottom];
  }))
"""
# Puts the pipes where the browser looks for them: 3 to read, 4 to write.
LAUNCHER = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3]]
for place, end in enumerate(ends, 3):
    os.dup2(end, place)
    os.close(end)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Browser:
    """One page in a browser with a profile of its own, cut off from every host.

    `errors`: what the page's script and the browser complained about; `requests`: all addresses
    that were asked for since the last `open`.
    """

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM is not None
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()
        self._log = profile.with_suffix(".log")
        flags = [f"--user-data-dir={profile}", "--host-resolver-rules=MAP * ~NOTFOUND"]
        pipes = [str(to_read), str(to_write)]
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", LAUNCHER, *pipes, CHROMIUM, *FLAGS.split(), *flags],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                pass_fds=(to_read, to_write),
                start_new_session=True,
                # What is loaded into this process, a sanitizer for instance, is not for a browser.
                env={name: text for name, text in os.environ.items() if name != "LD_PRELOAD"},
            )
        os.close(to_read)
        os.close(to_write)
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self.errors: list[str] = []
        self.requests: list[str] = []
        self._loaded = False
        try:
            self._attach()
        except BaseException:
            self.close()
            raise

    def _attach(self) -> None:
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        self.resize(1280, 900)

    def close(self) -> None:
        """End the browser and all processes that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(30)
        for end in (self._read, self._write):
            os.close(end)

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask for something and wait for the answer."""
        self._number += 1
        number = self._number
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            answer = self._next(deadline)
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result

    def _next(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0, deadline - time.monotonic()))
            part = os.read(self._read, 1 << 20) if ready else b""
            if not part:
                log = self._log.read_text(errors="replace") if self._log.exists() else ""
                raise AssertionError(f"the browser does not answer: {log[-2000:]}")
            self._buffer += part
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, method: str, told: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            details = told["exceptionDetails"]
            text = details.get("exception", {}).get("description", details["text"])
            self.errors.append(text)
        elif method == "Runtime.consoleAPICalled" and told["type"] in ("error", "assert"):
            self.errors.append(str(told["args"]))
        elif method == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
            self.errors.append(told["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif method == "Page.loadEventFired":
            self._loaded = True

    def open(self, address: str) -> None:
        """Load a page and wait until it is there."""
        self.send("Page.navigate", url="about:blank")
        self.errors, self.requests, self._loaded = [], [], False
        self.send("Page.navigate", url=address)
        deadline = time.monotonic() + ANSWER_SECONDS
        while not (self._loaded and self.evaluate("location.href") != "about:blank"):
            self._next(deadline)
        # Keys and clicks are dropped until the page has been painted.
        frame = "requestAnimationFrame"
        self.evaluate(f"new Promise((done) => {frame}(() => {frame}(() => setTimeout(done, 20))))")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page, when it is there."""
        answer = self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def text(self, selector: str) -> str:
        """What is written in an element."""
        found = self.evaluate(f"document.querySelector({json.dumps(selector)})?.textContent")
        assert found is not None, f"nothing is {selector}"
        return str(found)

    def texts(self, selector: str) -> list[str]:
        """What is written in all such elements."""
        elements = f"[...document.querySelectorAll({json.dumps(selector)})]"
        made: list[str] = self.evaluate(f"{elements}.map((each) => each.textContent)")
        return made

    def press(self, *keys: str) -> None:
        """Press and release keys, as a person does; one letter also writes."""
        for key in keys:
            written = {"text": key} if len(key) == 1 else {}
            kind = "keyDown" if written else "rawKeyDown"
            code = {"PageDown": 34, "PageUp": 33, "End": 35, "Home": 36, "Escape": 27, "Tab": 9}
            code |= {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Enter": 13}
            number = code.get(key, 0)
            self.send(
                "Input.dispatchKeyEvent",
                type=kind, key=key, windowsVirtualKeyCode=number, **written,
            )  # fmt: skip
            self.send(
                "Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=number
            )

    def click(self, selector: str) -> None:
        """Click into the middle of an element that is in sight."""
        place = self.evaluate(
            f"(() => {{ const box = document.querySelector({json.dumps(selector)})"
            ".getBoundingClientRect();"
            "return [box.x + Math.min(box.width, innerWidth) / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.send(
                "Input.dispatchMouseEvent",
                type=kind, x=place[0], y=place[1], button="left", clickCount=1,
            )  # fmt: skip

    def resize(self, width: int, height: int) -> None:
        """Give the window a size."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip

    def prefer(self, scheme: str) -> None:
        """Light or dark."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.send("Emulation.setEmulatedMedia", features=[feature])
