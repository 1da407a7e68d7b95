"""Headless Chromium, driven by the DevTools protocol."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from websockets.sync.client import ClientConnection

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
"""None: there is no browser."""

_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio"),
    *("--remote-debugging-port=0", "--remote-allow-origins=*", "--disable-dev-shm-usage"),
)
_KEYS = {
    "Tab": (9, ""),
    "Enter": (13, "\r"),
    " ": (32, " "),
    "Escape": (27, ""),
    "ArrowLeft": (37, ""),
    "ArrowRight": (39, ""),
}
SHIFT = 8


class Browser:
    """A tab of a browser.

    Args:
        socket: WebSocket of the tab.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0
        self.requested: list[str] = []
        """Addresses of all requests of the tab."""
        self.console: list[str] = []
        """Errors and messages of scripts, and violations of the content policy."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and wait for its result."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=30))
            if message.get("id") == self._number:
                assert "error" not in message, message["error"]
                found: dict[str, Any] = message["result"]
                return found
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        values = message.get("params", {})
        if message["method"] == "Network.requestWillBeSent":
            self.requested.append(values["request"]["url"])
        elif message["method"] == "Log.entryAdded":
            self.console.append(values["entry"]["text"])
        elif message["method"] == "Runtime.exceptionThrown":
            self.console.append(values["exceptionDetails"]["exception"]["description"])

    def size(self, width: int, height: int, *, scale: float = 1, is_phone: bool = False) -> None:
        """Set the size of the window in CSS pixels."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=is_phone,
        )
        self.send("Emulation.setTouchEmulationEnabled", enabled=is_phone)

    def night(self, *, is_on: bool = True) -> None:
        """Choose dark colours."""
        value = "dark" if is_on else "light"
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": value}])

    def open(self, address: str) -> None:
        """Go to an address, as if the tab were new."""
        self.send("Page.navigate", url="about:blank")
        self.send("Page.navigate", url=address)

    def run(self, script: str) -> Any:
        """Evaluate an expression; promises are awaited."""
        found = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, condition: str, seconds: float = 20.0) -> None:
        """Wait in the page until an expression is true."""
        script = f"""new Promise((done) => {{
            const end = performance.now() + {seconds * 1000};
            const look = () => {{
                let value = false;
                try {{ value = Boolean({condition}); }} catch {{ value = false; }}
                if (value || performance.now() > end) done(value); else setTimeout(look, 20);
            }};
            look();
        }})"""
        assert self.run(script), f"never true: {condition}; page: {self.run('document.body.innerText')[:500]}"

    def press(self, key: str, modifiers: int = 0) -> None:
        """Press and release a key."""
        code, text = _KEYS[key] if key in _KEYS else (ord(key.upper()), key)
        values = {"key": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        self.send("Input.dispatchKeyEvent", type="keyDown", text=text, **values)
        self.send("Input.dispatchKeyEvent", type="keyUp", **values)

    def hold(self, key: str, *, is_down: bool) -> None:
        """Press a key, or release it."""
        values = {"key": key, "windowsVirtualKeyCode": ord(key.upper())}
        self.send("Input.dispatchKeyEvent", type="keyDown" if is_down else "keyUp", **values)

    def tap(self, selector: str) -> None:
        """Touch the middle of an element, which must be visible there."""
        name = json.dumps(selector)
        point = self.run(
            f"""(() => {{ const e = document.querySelector({name}); e.scrollIntoView({{block: 'nearest'}});
            const b = e.getBoundingClientRect(); const p = [b.left + b.width / 2, b.top + b.height / 2];
            const hit = document.elementFromPoint(...p);
            return e.contains(hit) || hit.contains(e) ? p : null; }})()"""
        )
        assert point, f"something covers {selector}"
        self.send("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": point[0], "y": point[1]}])
        self.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def screenshot(self) -> bytes:
        """The window as PNG."""
        return base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"])


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Start a browser with an empty profile in a folder; it ends with the context."""
    from websockets.sync.client import connect

    assert PROGRAM is not None
    port_file = folder / "DevToolsActivePort"
    process = subprocess.Popen(
        [PROGRAM, *_FLAGS, f"--user-data-dir={folder}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port = _port(port_file, process)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=20) as reply:
            tabs = json.load(reply)
        address = next(each["webSocketDebuggerUrl"] for each in tabs if each["type"] == "page")
        with connect(address, max_size=None) as socket:
            yield Browser(socket)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _port(path: Path, process: subprocess.Popen[bytes]) -> int:
    """Port of the protocol, which the browser writes to a file when it listens."""
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        if path.exists() and (lines := path.read_text().splitlines()):
            return int(lines[0])
        time.sleep(0.05)
    raise AssertionError(f"the browser did not start: {process.poll()}")
