"""Command line of the embedded servers: `python -m mdm_project.embedded run -- COMMAND...`, `... env`."""

import argparse
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from mdm_project.embedded import PROJECT_FOLDER, EmbeddedError, EmbeddedServers, running_urls
from mdm_project.embedded.supervisor import supervise


def main() -> int:
    """Parse the command line and do what it says; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m mdm_project.embedded", description=__doc__)
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("DATA_DIR") or PROJECT_FOLDER / ".data")
    actions = parser.add_subparsers(dest="action", required=True)
    run = actions.add_parser("run", help="start the servers, run COMMAND with their addresses, stop them")
    run.add_argument("command", nargs="+", metavar="COMMAND")
    actions.add_parser("env", help="print export lines for the running servers")
    inner = actions.add_parser("supervise", help="(started by the others) keep the servers running")
    for flag in ("--no-postgres", "--no-redis", "--not-durable"):
        inner.add_argument(flag, action="store_true")
    args = parser.parse_args()
    data_dir = Path(args.data_dir).resolve()
    if args.action == "run":
        return run_command(data_dir, args.command)
    if args.action == "env":
        return print_environment(data_dir)
    return supervise(data_dir, postgres=not args.no_postgres, redis=not args.no_redis, is_durable=not args.not_durable)


def run_command(data_dir: Path, command: list[str]) -> int:
    """Run command while the servers run; Ctrl-C reaches the command, whose end is ours."""
    try:
        with EmbeddedServers(data_dir) as servers:
            addresses = {"DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url}
            process = subprocess.Popen(command, env=os.environ | addresses)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, lambda *_: process.terminate())
            return process.wait()
    except EmbeddedError as error:
        print(error, file=sys.stderr)
        return 1


def print_environment(data_dir: Path) -> int:
    """Print shell lines that export the addresses of the running servers."""
    urls = running_urls(data_dir)
    if urls is None:
        print(f"no embedded servers run for {data_dir}", file=sys.stderr)
        return 1
    for name, url in zip(("DATABASE_URL", "REDIS_URL"), urls, strict=True):
        print(f"export {name}={shlex.quote(url)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
