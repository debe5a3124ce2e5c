"""The environment of a test run: its servers, its folder, its addresses. Set before Django reads its settings.

The process that controls the run starts one PostgreSQL and one Redis; the xdist workers it starts inherit the
addresses. Each worker has a PostgreSQL database (pytest-django names it) and a Redis database of its own. Nothing is
started where DATABASE_URL and REDIS_URL are set; Redis database 0 is never touched, so that this is safe.
"""

import atexit
import os
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from mdm_project.embedded import EmbeddedServers, running_urls
from mdm_project.embedded.place import free_port

PREFIX = "espalier-test-"
ABANDONED_AFTER_S = 24 * 3600


def prepare() -> None:
    """Start what the run needs and set the environment, once a process."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if not worker:
        _start_servers()
    number = int(worker.removeprefix("gw") or 0) + 1
    os.environ["REDIS_URL"] = urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{number}").geturl()
    # The addresses are fixed here so that the tests, the web server and the Celery worker all know the same ones.
    port = free_port(0)
    os.environ |= {
        "ESPALIER_ENV": "development",
        "SECRET_KEY": "only for tests",
        "ENCRYPTION_KEYS": "0" * 63 + "1",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "DEMO_DEVICES": "0",
        "APNS_HOST": "127.0.0.1",
        "APNS_PORT": str(free_port(0)),
    }


def _start_servers() -> None:
    """Start throw-away servers in a new folder, which is removed when the process ends."""
    _remove_abandoned()
    data_dir = Path(tempfile.mkdtemp(prefix=PREFIX))
    if os.geteuid() == 0:
        data_dir.chmod(0o711)  # the servers' user must get through
    servers = EmbeddedServers(
        data_dir,
        postgres="DATABASE_URL" not in os.environ,
        redis="REDIS_URL" not in os.environ,
        is_durable=False,
    )
    atexit.register(servers.erase)
    servers.start()
    # Whitenoise warns when the folder of collected files is missing, and warnings are errors here.
    (data_dir / "static").mkdir()
    os.environ["DATA_DIR"] = str(data_dir)
    os.environ.setdefault("DATABASE_URL", servers.database_url)
    os.environ.setdefault("REDIS_URL", servers.redis_url)


def _remove_abandoned() -> None:
    """Remove the folders of runs that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        is_ours = folder.stat().st_uid == os.geteuid()
        if is_ours and time.time() - folder.stat().st_mtime > ABANDONED_AFTER_S and not running_urls(folder):
            EmbeddedServers(folder).erase()
