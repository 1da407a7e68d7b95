"""Weights files of networks: where they are published, where they are kept, how they are downloaded.

Only ``ebb weights download NAME`` downloads a file, over HTTPS, never in the middle of a run. Where the
authors publish no hash, that of the first download is recorded beside the file, and every later use and
download is checked against it.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeAlias

from ebb.documents import read_json
from ebb.errors import InvalidInput, MissingDependency, OutputError, UsageError
from ebb.files import sha256_file
from ebb.published_weights import WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ebb.published_weights import WeightsFile

DownloadProgress: TypeAlias = "Callable[[int, int | None], None]"
"""Called with the number of bytes received and in total; None if the total is not known."""

TIMEOUT_S = 30.0
"""Seconds without data after which a connection is given up."""

CHUNK_BYTES = 1 << 18

CACHE_VARIABLE = "EBB_CACHE"
"""Environment variable that names the folder of the downloads."""


class StayEncrypted(urllib.request.HTTPRedirectHandler):
    """Follows redirections, except from HTTPS to anything else."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Make the request for the new address.

        Raises:
            URLError: the connection would no longer be encrypted.
        """
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise urllib.error.URLError(f"the server redirects to {newurl}, which is not encrypted")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def cache_dir() -> Path:
    """Where downloads are kept: ``EBB_CACHE``, else ``$XDG_CACHE_HOME/ebb``, else ``~/.cache/ebb``."""
    if own := os.environ.get(CACHE_VARIABLE):
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "ebb"


def known_weights(name: str) -> WeightsFile:
    """Look up a published file.

    Raises:
        UsageError: none has this name.
    """
    if name not in WEIGHTS:
        raise UsageError(f"no weights are called {name!r}", hint=f"known: {', '.join(WEIGHTS)}")
    return WEIGHTS[name]


def find_weights(name: str, explicit: Path | None = None, *, flag: str = "") -> Path:
    """The weights file to use: the one given, else the environment variable's, else the cached download.

    Args:
        name: A key of :data:`WEIGHTS`.
        explicit: The file the user named.
        flag: Where a user names one, for the hint.

    Raises:
        MissingDependency: there is none; the hint holds the command that downloads it.
        InvalidInput: the cached file is not the one that was downloaded, or a file under the published name
            is not the published one.
    """
    known = known_weights(name)
    named = explicit or os.environ.get(known.variable)
    path = Path(named).expanduser() if named else cache_dir() / known.file_name
    if not path.is_file():
        named_by = flag if explicit else f"the variable {known.variable}"
        raise _missing(name, path, named_by) if named else _not_downloaded(name, path, flag)
    if not named or path.name == known.file_name:
        _check_hash(known, path, sha256_file(path))
    return path


def _missing(name: str, path: Path, named_by: str) -> MissingDependency:
    what = "a folder, not a weights file" if path.is_dir() else "no such weights file"
    what += f", named by {named_by}" if named_by else ""
    return MissingDependency(what, path=path, hint=f"correct the name, or do without: {_download(name)}")


def _not_downloaded(name: str, path: Path, flag: str) -> MissingDependency:
    hint = f"{_download(name)}, or {f'{flag} ' if flag else f'{WEIGHTS[name].variable}='}FILE"
    return MissingDependency(f"the weights of {name} have not been downloaded", path=path, hint=hint)


def _download(name: str) -> str:
    return f"ebb weights download {name}{' --accept-licence' * WEIGHTS[name].must_accept}"


def download(name: str, progress: DownloadProgress | None = None, *, accept_licence: bool = False) -> Path:
    """Fetch a weights file into the cache, or find it there already.

    An interrupted download is resumed if the server still has the same file. The file gets its name only
    once it is complete and its hash is right.

    Args:
        name: A key of :data:`WEIGHTS`.
        progress: Called while it is downloaded.
        accept_licence: The user accepts the licence of the file; required by some files.

    Raises:
        UsageError: no weights have this name, or their licence is not accepted.
        MissingDependency: the server cannot be reached, refuses, or the connection breaks.
        InvalidInput: the downloaded file is not the expected one.
        OutputError: the cache cannot be written, or another download of this file is running.
    """
    known = known_weights(name)
    if known.must_accept and not accept_licence:
        raise UsageError(f"the licence of {name}: {known.licence}", hint="to accept it: --accept-licence")
    path = cache_dir() / known.file_name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            _check_hash(known, path, sha256_file(path))
            return path
        with path.with_name(path.name + ".part").open("ab") as part:
            _lock(part, path)
            if not path.is_file():  # else another download has just ended
                _fetch(known, part, progress or (lambda _done, _total: None))
                _adopt(known, Path(part.name), path)
    except OSError as error:
        raise OutputError(f"cannot keep the download: {error}", path=path, hint="set EBB_CACHE") from error
    return path


def _lock(part: IO[bytes], path: Path) -> None:
    """Two downloads into one file would mix; the lock goes with the open file."""
    try:
        fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OutputError("another download of this file is running", path=path) from error


def _fetch(known: WeightsFile, part: IO[bytes], progress: DownloadProgress) -> None:
    """Bring ``part`` to the full length of the server's file."""
    try:
        with _open(known, part) as response:
            total = part.tell() + response.length if response.length is not None else None
            progress(part.tell(), total)
            for chunk in _chunks(known, response):
                part.write(chunk)
                progress(part.tell(), total)
    except urllib.error.HTTPError as error:
        raise _unavailable(known, f"the server answers {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise _unavailable(known, f"no connection: {error.reason}") from error
    part.flush()
    os.fsync(part.fileno())
    if total is not None and part.tell() != total:
        raise _unavailable(known, f"the connection broke after {part.tell()} of {total} bytes")


def _open(known: WeightsFile, part: IO[bytes]) -> http.client.HTTPResponse:
    """Request the rest of ``part``, or the whole file if the server has another one by now."""
    tag_file = Path(f"{part.name}.tag")
    request = urllib.request.Request(known.url)  # noqa: S310 - addresses come from WEIGHTS
    part.seek(0, os.SEEK_END)
    if part.tell() and tag_file.is_file():
        request.add_header("Range", f"bytes={part.tell()}-")
        request.add_header("If-Range", tag_file.read_text(encoding="utf-8"))
    try:
        # not urlopen, which keeps the proxies it saw at its first call
        opener = urllib.request.build_opener(StayEncrypted)
        response: http.client.HTTPResponse = opener.open(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not request.has_header("Range"):
            raise
        part.truncate(0)
        return _open(known, part)
    except urllib.error.URLError:
        raise
    except (OSError, http.client.HTTPException) as error:  # the server takes the request and does not answer
        raise _broke(known, error) from error
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        part.truncate(0)
    tag = response.headers.get("ETag") or response.headers.get("Last-Modified")
    tag_file.write_text(tag, encoding="utf-8") if tag else tag_file.unlink(missing_ok=True)
    part.seek(0, os.SEEK_END)
    return response


def _chunks(known: WeightsFile, response: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while chunk := response.read(CHUNK_BYTES):
            yield chunk
    except (OSError, http.client.HTTPException) as error:
        raise _broke(known, error) from error


def _broke(known: WeightsFile, error: Exception) -> MissingDependency:
    return _unavailable(known, f"the connection broke: {str(error).strip() or type(error).__name__}")


def _unavailable(known: WeightsFile, message: str) -> MissingDependency:
    hint = "run it again to go on, behind a proxy with http_proxy set; or use --weights FILE"
    return MissingDependency(message, path=known.url, hint=hint)


def _adopt(known: WeightsFile, part: Path, path: Path) -> None:
    """Check the finished download, record its hash and give it its name; delete it if a check fails."""
    digest = sha256_file(part)
    try:
        _check_magic(part, known)
        _check_hash(known, path, digest)
    except InvalidInput:
        part.unlink()
        raise
    record = _record(path)
    draft = record.with_name(record.name + ".part")
    facts = {"sha256": digest, "url": known.url, "bytes": part.stat().st_size}
    draft.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    draft.replace(record)
    part.replace(path)
    Path(f"{part}.tag").unlink(missing_ok=True)


def _check_magic(part: Path, known: WeightsFile) -> None:
    """A log-in page of the network would otherwise be trusted as the first download."""
    with part.open("rb") as file:
        if not file.read(4).startswith(known.magic):
            hint = "a log-in page of your network may stand in for it; open the address in a browser"
            raise InvalidInput("the downloaded file is not a weights file", path=known.url, hint=hint)


def _check_hash(known: WeightsFile, path: Path, digest: str) -> None:
    """Compare with the published hash, as far as it goes, and with the one of the first download, if any."""
    record = _record(path)
    for trusted in (known.sha256, _recorded(record)):
        if trusted is not None and not digest.startswith(trusted):
            message = f"SHA-256 {digest[:16]}… instead of {trusted[:16]}…"
            hint = f"delete it and download it again; to trust the new file, delete {record.name} too"
            raise InvalidInput(message, path=path, hint=hint)


def _recorded(record: Path) -> str | None:
    """Hash of the first download, if there was one."""
    if not record.is_file():
        return None
    hint = "delete it and the weights file, and download again"
    try:
        return str(read_json(record, hint=hint)["sha256"])
    except (KeyError, TypeError) as error:
        raise InvalidInput("not the record of a download", path=record, hint=hint) from error


def _record(path: Path) -> Path:
    return path.with_name(path.name + ".json")
