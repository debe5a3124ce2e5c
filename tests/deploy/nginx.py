"""A real nginx under the configuration that deploy/nginx.conf ships, with only ports, paths and the name replaced."""

import contextlib
import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mdm_project.embedded.place import free_port
from tests.servers import PROJECT_FOLDER, Process, is_listening

SHIPPED = PROJECT_FOLDER / "deploy" / "nginx.conf"
BINARY = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
MAIN = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; {user}
worker_processes 1; events {{ worker_connections 256; }}
http {{
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/espalier.conf;
}}
"""


@dataclass
class Nginx:
    """A running nginx: where it listens and the certificate its clients must trust."""

    http_port: int
    https_port: int
    ca_file: Path

    @property
    def url(self) -> str:
        return f"https://localhost:{self.https_port}"

    def tls_context(self, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
        """Return a context that trusts this nginx and, if given, offers a client certificate (PEM files)."""
        context = ssl.create_default_context(cafile=self.ca_file)
        if certificate:
            context.load_cert_chain(certificate, key)
        return context


@contextlib.contextmanager
def running_nginx(
    folder: Path, upstream_port: int, certificate: Path, key: Path, https_port: int = 0
) -> Iterator[Nginx]:
    """Run nginx in front of the web server at upstream_port; skips where nginx is not installed."""
    if BINARY is None:
        pytest.skip("nginx is not installed")
    http_port, https_port = free_port(0), https_port or free_port(0)
    (folder / "espalier.conf").write_text(shipped(folder, http_port, https_port, upstream_port, certificate, key))
    user = "user root;" if os.geteuid() == 0 else ""  # the folder is private to us
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user))
    log = folder / "output.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [BINARY, "-c", folder / "nginx.conf", "-e", folder / "error.log"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    running = Process("nginx", process, log)
    try:
        running.wait_until(lambda: is_listening(https_port) and is_listening(http_port))
        yield Nginx(http_port, https_port, certificate)
    finally:
        running.stop()


def shipped(folder: Path, http_port: int, https_port: int, upstream_port: int, certificate: Path, key: Path) -> str:
    """Return the shipped configuration with ports, paths and the name replaced, and nothing else."""
    text = SHIPPED.read_text()
    replacements = {
        "listen 80;": f"listen 127.0.0.1:{http_port};",
        "listen 443 ssl;": f"listen 127.0.0.1:{https_port} ssl;",
        "server 127.0.0.1:8000;": f"server 127.0.0.1:{upstream_port};",
        "server_name mdm.example.com;": "server_name localhost;",
        "/etc/espalier/tls/fullchain.pem": str(certificate),
        "/etc/espalier/tls/key.pem": str(key),
        "/var/log/nginx/espalier.log": f"{folder}/access.log",
    }
    for shipped_text, replacement in replacements.items():
        assert shipped_text in text, f"deploy/nginx.conf no longer has {shipped_text!r}"
        text = text.replace(shipped_text, replacement)
    return text
