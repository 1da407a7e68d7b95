"""Where a server listens, and who can reach it there."""

from __future__ import annotations

import errno
import ipaddress
import socket
from dataclasses import dataclass

from ebb.errors import OutputError, UsageError

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
"""Names under which browsers of the same machine reach a server on loopback."""

_MAX_PORT = 65535
_BACKLOG = 2048


@dataclass(frozen=True)
class Address:
    """A host and a port to listen on.

    Attributes:
        host: An IP address, ``localhost``, or a name of this machine.
        port: Number of the port; 0 lets the system choose one.
    """

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only programs of the same machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def is_everywhere(self) -> bool:
        """Whether it stands for all networks of the machine."""
        try:
            return ipaddress.ip_address(self.host).is_unspecified
        except ValueError:
            return False

    @property
    def url(self) -> str:
        """What to open in a browser of the same machine."""
        host = "localhost" if self.is_everywhere else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    @property
    def names(self) -> frozenset[str] | None:
        """Names by which requests may address it; None: any, as other machines have names of their own."""
        return frozenset((*LOOPBACK_NAMES, self.host)) if self.is_loopback else None

    def names_with(self, public_name: str) -> frozenset[str] | None:
        """Names by which requests may address it if a proxy passes on those for another name.

        Args:
            public_name: The name, without port; empty: none.
        """
        if not public_name:
            return self.names
        return frozenset((*LOOPBACK_NAMES, self.host.lower(), public_name.lower()))

    @property
    def meaning(self) -> str:
        """Who can reach it, in a sentence."""
        if self.is_loopback:
            return "only this machine can reach it; --host 0.0.0.0 opens it to the network"
        who = "every machine of its networks" if self.is_everywhere else f"whoever can reach {self.host}"
        return f"{who} can take part, over plain HTTP; for the internet, put a proxy with HTTPS before it"


def listen(address: Address) -> tuple[socket.socket, Address]:
    """Open the socket of a server.

    Returns:
        The socket, and the address with the port that it has.

    Raises:
        UsageError: the host or the port is not one of this machine.
        OutputError: another program uses the port, or it needs permission.
    """
    if not 0 <= address.port <= _MAX_PORT:
        raise UsageError(f"port {address.port} is not between 0 and {_MAX_PORT}")
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        hint = "give an IP address of this machine, such as 127.0.0.1 or 0.0.0.0"
        raise UsageError(f"--host {address.host!r} is no address: {error}", hint=hint) from error
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(place)
        opened.listen(_BACKLOG)
    except OSError as error:
        opened.close()
        raise _refusal(address, error) from error
    return opened, Address(address.host, opened.getsockname()[1])


def _refusal(address: Address, error: OSError) -> UsageError | OutputError:
    where = f"{address.host} port {address.port}"
    if error.errno == errno.EADDRINUSE:
        return OutputError(f"{where} is in use by another program", hint="stop it, or give another --port")
    if error.errno == errno.EACCES:
        return OutputError(f"{where} needs permission", hint="give a --port above 1023")
    hint = "give an IP address of this machine, such as 127.0.0.1 or 0.0.0.0"
    return UsageError(f"cannot listen on {where}: {error.strerror or error}", hint=hint)
