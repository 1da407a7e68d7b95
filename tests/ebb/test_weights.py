import hashlib
import http.client
import io
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ebb import weights
from ebb.errors import InvalidInput, MissingDependency, OutputError, UsageError
from ebb.published_weights import ARCHIVE_MAGIC, WEIGHTS

CONTENT = b"PK\x03\x04" + bytes(range(256)) * 4096
PAGE = b"<html>please log in</html>"


class Server(HTTPServer):
    """Serves one file with ranges, or with a given fault."""

    content: bytes = CONTENT
    etag: str | None = '"v1"'
    break_after: int | None = None
    status: int | None = None
    answer: bytes | None = None
    """Sent in place of HTTP."""
    ranges: list[str | None]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.ranges.append(wanted)
        if self.server.answer is not None:
            self.wfile.write(self.server.answer)
            return
        if self.server.status is not None:
            self.send_error(self.server.status)
            return
        start = 0
        if wanted and self.headers.get("If-Range") == self.server.etag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(self.server.content):
                self.send_error(416)
                return
        body = self.server.content[start:]
        self.send_response(206 if start else 200)
        if self.server.etag:
            self.send_header("ETag", self.server.etag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.break_after])

    def log_message(self, *args: object) -> None:
        """Keep the test output clean."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        running.ranges = []
        url = f"http://127.0.0.1:{running.server_address[1]}/net.pth"
        entry = replace(WEIGHTS["megadepth"], url=url, file_name="net.pth")
        monkeypatch.setitem(WEIGHTS, "megadepth", entry)
        monkeypatch.setenv("EBB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.delenv("EBB_MEGADEPTH_WEIGHTS", raising=False)
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_download_keeps_the_file_and_records_its_hash(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = weights.download("megadepth", lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert left_in(tmp_path / "cache") == ["net.pth", "net.pth.json"]
    record = json.loads((tmp_path / "cache" / "net.pth.json").read_text())
    assert record["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert record["bytes"] == len(CONTENT)
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert seen == sorted(seen, key=lambda step: step[0])


def test_second_download_sends_no_request(server: Server) -> None:
    first = weights.download("megadepth")
    assert weights.download("megadepth") == first == weights.find_weights("megadepth")
    assert len(server.ranges) == 1


def test_interrupted_download_is_resumed(server: Server, tmp_path: Path) -> None:
    server.break_after = 300_000
    with pytest.raises(MissingDependency, match=r"broke after 300000 of 1048580 bytes.*run it again"):
        weights.download("megadepth")
    assert not (tmp_path / "cache" / "net.pth").exists()
    server.break_after = None
    assert weights.download("megadepth").read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=300000-"]
    assert left_in(tmp_path / "cache") == ["net.pth", "net.pth.json"]


@pytest.mark.parametrize("etag", ['"v2"', None], ids=["changed", "no tag"])
def test_parts_of_two_files_are_never_mixed(server: Server, etag: str | None) -> None:
    server.break_after = 300_000
    with pytest.raises(MissingDependency):
        weights.download("megadepth")
    server.break_after, server.etag, server.content = None, etag, CONTENT[::1][:-1] + b"!"
    assert weights.download("megadepth").read_bytes() == server.content


def test_a_part_as_long_as_the_file_is_downloaded_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "net.pth.part").write_bytes(b"x" * len(CONTENT))
    (tmp_path / "cache" / "net.pth.part.tag").write_text('"v1"')
    assert weights.download("megadepth").read_bytes() == CONTENT
    assert server.ranges == [f"bytes={len(CONTENT)}-", None]


@pytest.mark.parametrize("status", [403, 404, 503])
def test_refusal_of_the_server(server: Server, tmp_path: Path, status: int) -> None:
    server.status = status
    with pytest.raises(MissingDependency, match=rf"http://127.*the server answers {status}.*--weights FILE"):
        weights.download("megadepth")
    assert not (tmp_path / "cache" / "net.pth").exists()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "without response"),
        (b"SSH-2.0-OpenSSH\r\n", "SSH-2.0"),
        (b"HTTP/1.1 200 OK\r\n" + b"a" * 70_000, ""),
    ],
    ids=["hangs up", "speaks something else", "header without end"],
)
def test_a_server_that_does_not_answer(server: Server, answer: bytes, why: str) -> None:
    """The error is neither a cache that cannot be written nor a traceback."""
    server.answer = answer
    with pytest.raises(MissingDependency, match=f"http://127.*the connection broke: .*{why}.*run it again"):
        weights.download("megadepth")


def test_a_server_that_refuses_every_range(server: Server) -> None:
    server.status = 416
    with pytest.raises(MissingDependency, match="the server answers 416"):
        weights.download("megadepth")
    assert server.ranges == [None]


def test_a_length_that_is_not_a_number(server: Server) -> None:
    server.answer = b"HTTP/1.0 200 OK\r\nContent-Length: many\r\n\r\n" + CONTENT
    assert weights.download("megadepth").read_bytes() == CONTENT


def test_no_server(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = replace(WEIGHTS["megadepth"], url="http://127.0.0.1:1/net.pth")
    monkeypatch.setitem(WEIGHTS, "megadepth", entry)
    with pytest.raises(MissingDependency, match=r"no connection: .*http_proxy"):
        weights.download("megadepth")


def test_download_goes_through_the_proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = replace(WEIGHTS["megadepth"], url="http://weights.invalid/net.pth")
    monkeypatch.setitem(WEIGHTS, "megadepth", entry)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_address[1]}")
    assert weights.download("megadepth").read_bytes() == CONTENT


def test_web_page_is_not_trusted(server: Server, tmp_path: Path) -> None:
    server.content = PAGE
    with pytest.raises(InvalidInput, match=r"not a weights file.*log-in page"):
        weights.download("megadepth")
    assert "net.pth.json" not in left_in(tmp_path / "cache")
    server.content = CONTENT
    assert weights.download("megadepth").read_bytes() == CONTENT


def test_nothing_is_downloaded_before_the_licence_is_accepted(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    entry = replace(WEIGHTS["megadepth"], must_accept=True, licence="for research only")
    monkeypatch.setitem(WEIGHTS, "megadepth", entry)
    with pytest.raises(UsageError, match=r"for research only \(to accept it: --accept-licence\)"):
        weights.download("megadepth")
    assert server.ranges == []
    assert weights.download("megadepth", accept_licence=True).read_bytes() == CONTENT


@pytest.mark.parametrize("begin", ARCHIVE_MAGIC)
def test_an_archive_where_one_is_expected(
    server: Server, monkeypatch: pytest.MonkeyPatch, begin: bytes
) -> None:
    entry = replace(WEIGHTS["megadepth"], magic=ARCHIVE_MAGIC)
    monkeypatch.setitem(WEIGHTS, "megadepth", entry)
    server.content = PAGE
    with pytest.raises(InvalidInput, match="not a weights file"):
        weights.download("megadepth")
    server.content = begin + CONTENT
    assert weights.download("megadepth").read_bytes() == server.content


def test_published_hash_is_checked(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    entry = replace(WEIGHTS["megadepth"], sha256="0" * 64)
    monkeypatch.setitem(WEIGHTS, "megadepth", entry)
    with pytest.raises(InvalidInput, match=r"net\.pth: SHA-256 [0-9a-f]{16}… instead of 0{16}…"):
        weights.download("megadepth")
    assert "net.pth" not in left_in(tmp_path / "cache")


def test_hash_whose_first_digits_are_published(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    digits = hashlib.sha256(CONTENT).hexdigest()[:8]
    monkeypatch.setitem(WEIGHTS, "megadepth", replace(WEIGHTS["megadepth"], sha256=digits))
    path = weights.download("megadepth")
    assert weights.find_weights("megadepth") == path
    other = tmp_path / "net.pth"
    other.write_bytes(CONTENT + b"!")
    with pytest.raises(InvalidInput, match=rf"net\.pth: SHA-256 [0-9a-f]{{16}}… instead of {digits}…"):
        weights.find_weights("megadepth", other)
    other = other.rename(tmp_path / "mine.pth")
    assert weights.find_weights("megadepth", other) == other


def test_later_download_must_be_the_recorded_file(server: Server, tmp_path: Path) -> None:
    weights.download("megadepth").unlink()
    server.content = CONTENT + b"other"
    with pytest.raises(InvalidInput, match=r"to trust the new file, delete net\.pth\.json too"):
        weights.download("megadepth")
    (tmp_path / "cache" / "net.pth.json").unlink()
    assert weights.download("megadepth").read_bytes() == server.content


def test_changed_cache_is_found(server: Server) -> None:
    path = weights.download("megadepth")
    flipped = bytearray(CONTENT)
    flipped[5000] ^= 1
    path.write_bytes(flipped)
    for use in (weights.find_weights, weights.download):
        with pytest.raises(InvalidInput, match="SHA-256"):
            use("megadepth")


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "[]", "{}"])
def test_unreadable_record(server: Server, tmp_path: Path, text: str) -> None:
    weights.download("megadepth")
    (tmp_path / "cache" / "net.pth.json").write_text(text)
    with pytest.raises(InvalidInput, match=r"net\.pth\.json: not .* \(delete it and the weights file"):
        weights.find_weights("megadepth")


def test_two_downloads_at_once(server: Server, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    with (tmp_path / "cache" / "net.pth.part").open("ab") as other:
        weights._lock(other, tmp_path)
        with pytest.raises(OutputError, match="another download"):
            weights.download("megadepth")


def test_a_download_that_ended_just_before(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its result is used and not overwritten."""

    def wait(_: object, path: Path) -> None:
        path.write_bytes(CONTENT)

    monkeypatch.setattr(weights, "_lock", wait)
    assert weights.download("megadepth").read_bytes() == CONTENT
    assert server.ranges == []


def test_cache_that_cannot_be_written(server: Server, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(OutputError, match="set EBB_CACHE"):
        weights.download("megadepth")


def test_find_prefers_the_flag_then_the_variable_then_the_cache(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    flag, variable = tmp_path / "flag.pth", tmp_path / "variable.pth"
    flag.touch()
    variable.touch()
    cached = weights.download("megadepth")
    assert weights.find_weights("megadepth") == cached
    monkeypatch.setenv("EBB_MEGADEPTH_WEIGHTS", str(variable))
    assert weights.find_weights("megadepth") == variable
    assert weights.find_weights("megadepth", flag) == flag
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("EBB_MEGADEPTH_WEIGHTS", "~/variable.pth")
    assert weights.find_weights("megadepth") == variable
    assert weights.find_weights("megadepth", Path("~/flag.pth")) == flag


def test_find_without_weights_names_the_command(server: Server, tmp_path: Path) -> None:
    with pytest.raises(
        MissingDependency, match=r"ebb weights download megadepth, or EBB_MEGADEPTH_WEIGHTS=FILE"
    ) as caught:
        weights.find_weights("megadepth")
    assert caught.value.exit_code == 6
    with pytest.raises(MissingDependency, match=r"ebb weights download megadepth, or --model FILE"):
        weights.find_weights("megadepth", flag="--model")
    with pytest.raises(MissingDependency, match=r"gone\.pth: no such weights file"):
        weights.find_weights("megadepth", tmp_path / "gone.pth")
    assert server.ranges == []


def test_a_wrong_name_is_to_be_corrected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBB_MEGADEPTH_WEIGHTS", str(tmp_path / "gone.pth"))
    with pytest.raises(MissingDependency) as caught:
        weights.find_weights("megadepth")
    assert caught.value.message == "no such weights file, named by the variable EBB_MEGADEPTH_WEIGHTS"
    assert caught.value.hint == "correct the name, or do without: ebb weights download megadepth"
    with pytest.raises(MissingDependency, match="a folder, not a weights file, named by --weights"):
        weights.find_weights("megadepth", tmp_path, flag="--weights")


def test_unknown_name() -> None:
    with pytest.raises(UsageError, match="known: megadepth, megadepth-vanilla"):
        weights.find_weights("midas")


def test_cache_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("EBB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert weights.cache_dir() == tmp_path / ".cache" / "ebb"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert weights.cache_dir() == tmp_path / "xdg" / "ebb"
    monkeypatch.setenv("EBB_CACHE", str(tmp_path / "own"))
    assert weights.cache_dir() == tmp_path / "own"
    monkeypatch.setenv("EBB_CACHE", "~/own")
    assert weights.cache_dir() == tmp_path / "own"


def test_every_entry_is_complete() -> None:
    for name, entry in WEIGHTS.items():
        assert entry.url.startswith("http")
        generic = entry.url.endswith("/model.onnx")  # a name that says nothing in a folder of many
        assert entry.must_accept or generic or entry.url.endswith(entry.file_name)
        assert entry.licence
        assert entry.variable.startswith("EBB_"), name
        if entry.sha256 is not None and len(entry.sha256) < 64:
            assert f"-{entry.sha256}." in entry.file_name, "torchvision's convention: the name carries it"


def test_redirections_stay_encrypted() -> None:
    def redirected(start: str, to: str) -> urllib.request.Request | None:
        request = urllib.request.Request(start)
        headers = http.client.HTTPMessage()
        return weights.StayEncrypted().redirect_request(request, io.BytesIO(), 302, "Found", headers, to)

    for start in ("https://a.example/net.pth", "http://a.example/net.pth"):
        found = redirected(start, "https://b.example/net.pth")
        assert found is not None
        assert found.full_url == "https://b.example/net.pth"
    with pytest.raises(urllib.error.URLError, match=r"redirects to http://b\.example/net\.pth, which is not"):
        redirected("https://a.example/net.pth", "http://b.example/net.pth")


def test_files_without_a_published_hash_say_so() -> None:
    unknown = {name for name, known in WEIGHTS.items() if known.warning}
    assert unknown == {"megadepth", "megadepth-vanilla", "pynet-bokeh"}
    assert all("no hash" in WEIGHTS[name].warning for name in unknown)


def test_a_folder_is_not_a_weights_file(tmp_path: Path) -> None:
    with pytest.raises(MissingDependency, match="a folder, not a weights file"):
        weights.find_weights("megadepth", tmp_path, flag="--weights")
