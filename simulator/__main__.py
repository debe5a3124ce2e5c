"""The simulator's command line: `python -m simulator serve` and `python -m simulator enroll`.

Owns options, waiting for the server, signals and what is printed. `serve` is a pretend APNs and a fleet in one process;
`enroll` is a one-shot check that prints a JSON summary.
"""

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
import tempfile
from pathlib import Path

from simulator.apns import ApnsServer
from simulator.catalog import PLATFORMS
from simulator.chains import Refused
from simulator.device import PretendDevice, Setup
from simulator.fleet import MIX, Fleet, Plan
from simulator.http import Client, TransportError
from simulator.keys import KeyMaker
from simulator.push_ca import PushCA
from simulator.roster import write_roster
from simulator.state import new_device

READY_POLL_S = 0.5


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return asyncio.run(options.run(options))
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator", description="Pretend Apple devices and APNs.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve_parser = commands.add_parser("serve", help="run a pretend APNs and a fleet until stopped")
    serve_parser.add_argument("--server", metavar="URL", help="base URL of the MDM server")
    serve_parser.add_argument("--profile", default="demo", metavar="SLUG", help="enrollment profile (default demo)")
    serve_parser.add_argument(
        "--data-dir", type=Path, required=True, metavar="DIR", help="keeps devices and the push CA"
    )
    serve_parser.add_argument(
        "--apns-port", type=int, default=0, help="port of the pretend APNs (default any free one)"
    )
    serve_parser.add_argument("--no-fleet", action="store_true", help="pretend APNs only")
    serve_parser.add_argument("--rejoin", action="store_true", help="enroll devices again that had left")
    serve_parser.add_argument("--still", action="store_true", help="no changes or visits without a push")
    serve_parser.add_argument("--ready-timeout", type=float, default=300, metavar="SECONDS")
    serve_parser.set_defaults(run=serve)
    enroll_parser = commands.add_parser("enroll", help="enroll new devices once, let them connect, print a summary")
    enroll_parser.add_argument("--url", required=True, help="URL of the enrollment profile")
    enroll_parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    enroll_parser.set_defaults(run=enroll)
    for one, count in ((serve_parser, 25), (enroll_parser, 1)):
        _add_device_options(one, count)
    return parser


def _add_device_options(parser: argparse.ArgumentParser, count: int) -> None:
    parser.add_argument("--devices", type=int, default=count, metavar="N", help=f"how many (default {count})")
    parser.add_argument("--platform", choices=PLATFORMS, help="one platform only (default a mix)")
    parser.add_argument("--seed", help="the same seed gives the same devices (default a new one, kept in --data-dir)")
    parser.add_argument("--concurrency", type=int, default=32, help="visits at the same time (default 32)")
    parser.add_argument("--shared-keys", type=int, default=0, metavar="K", help="share K RSA keys (load tests only)")
    parser.add_argument("--allow-http", action="store_true", help="take profiles that name plain http URLs")
    parser.add_argument("--ca-file", type=Path, help="trust these roots for https too")
    parser.add_argument("--relay-header", metavar="NAME", help="send the identity in a header, as a TLS proxy would")


def _setup(options: argparse.Namespace, url: str) -> Setup:
    return Setup(
        # Whoever types an http URL means it.
        allow_http=options.allow_http or url.startswith("http:"),
        relay_header=options.relay_header,
        extra_roots_pem=options.ca_file.read_text() if options.ca_file else "",
    )


def say(line: str) -> None:
    """Print a line at once, so that whoever reads a pipe sees it."""
    print(f"simulator: {line}", flush=True)


# serve


async def serve(options: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT; the APNs files are written before the server has to be there."""
    stopped = _stop_on_signals()
    push_ca = PushCA(options.data_dir / "push-ca")
    apns = ApnsServer(push_ca, port=options.apns_port)
    await apns.start()
    try:
        # First who holds the devices: whoever waits for the file of APNs reads this one then.
        write_roster(options.data_dir / "roster.json", _plan(options))
        write_apns_file(options.data_dir / "apns.json", apns, push_ca)
        say(f"APNs listens on port {apns.port}")
        if options.no_fleet or options.devices == 0:
            await stopped.wait()
            return 0
        return await _serve_fleet(options, apns, stopped)
    finally:
        await apns.close()


async def _serve_fleet(options: argparse.Namespace, apns: ApnsServer, stopped: asyncio.Event) -> int:
    if not options.server:
        say("--server is needed unless --no-fleet is given")
        return 2
    server = options.server.rstrip("/")
    if not await wait_until_ready(f"{server}/readyz", options.ready_timeout, stopped):
        if stopped.is_set():
            return 0
        say(f"{server}/readyz was not ready within {options.ready_timeout:g} s")
        return 1
    fleet = Fleet(_plan(options), apns, say)
    waiting = asyncio.create_task(_stop_when(stopped, fleet))
    await fleet.run()
    waiting.cancel()
    return 0


def _plan(options: argparse.Namespace) -> Plan:
    server = (options.server or "").rstrip("/")
    return Plan(
        profile_url=f"{server}/enroll/{options.profile}/profile",
        count=0 if options.no_fleet else options.devices,
        data_dir=options.data_dir,
        seed=options.seed or kept_seed(options.data_dir / "seed"),
        concurrency=options.concurrency,
        shared_keys=options.shared_keys,
        setup=_setup(options, server),
        platforms=(options.platform,) if options.platform else MIX,
        is_lively=not options.still,
        rejoins=options.rejoin,
    )


def kept_seed(path: Path) -> str:
    """Return the seed of a data folder, made at first; two folders must not hold the same devices."""
    if not path.exists():
        path.write_text(secrets.token_hex(4))
    return path.read_text().strip()


async def _stop_when(stopped: asyncio.Event, fleet: Fleet) -> None:
    await stopped.wait()
    fleet.stop()


def _stop_on_signals() -> asyncio.Event:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stopped.set)
    return stopped


def write_apns_file(path: Path, apns: ApnsServer, push_ca: PushCA) -> None:
    """Tell the server's side how to reach the pretend APNs and with which push certificate; all or nothing."""
    topic = push_ca.push_identity().topic
    certificate_file, key_file = push_ca.identity_files("push")
    content = {
        "host": "127.0.0.1",
        "port": apns.port,
        "ca_file": str(push_ca.ca_file.resolve()),
        "certificate_file": str(certificate_file.resolve()),
        "key_file": str(key_file.resolve()),
        "topic": topic,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        json.dump(content, file, indent=2)
    os.replace(file.name, path)


async def wait_until_ready(url: str, timeout_s: float, stopped: asyncio.Event) -> bool:
    """Poll a URL until it answers 200; False when time is up or the simulator is being stopped."""
    client = Client(timeout_s=5)
    try:
        async with asyncio.timeout(timeout_s):
            while not stopped.is_set():
                with contextlib.suppress(TransportError):
                    if (await client.request("GET", url)).status == 200:
                        return True
                await asyncio.sleep(READY_POLL_S)
    except TimeoutError:
        pass
    finally:
        client.close()
    return False


# enroll


async def enroll(options: argparse.Namespace) -> int:
    """Enroll new devices, let each connect once, and sum up; 0 when all went well and the server broke no rule."""
    seed = options.seed or secrets.token_hex(4)
    keys = KeyMaker(shared_keys=options.shared_keys)
    slots = asyncio.Semaphore(options.concurrency)
    platforms = (options.platform,) if options.platform else MIX
    setup = _setup(options, options.url)
    states = [new_device(platforms[number % len(platforms)], number, seed) for number in range(options.devices)]
    try:
        results = await asyncio.gather(*(_enroll_one(state, keys, setup, options.url, slots) for state in states))
    finally:
        keys.close()
    summary = {
        "requested": options.devices,
        "enrolled": sum(result["enrolled"] for result in results),
        "failed": sum(not result["enrolled"] for result in results),
        "violations": sum(len(result["violations"]) for result in results),
        "seed": seed,
        "devices": results,
    }
    _print_summary(summary, options.json)
    return 0 if summary["enrolled"] == options.devices and not summary["violations"] else 1


async def _enroll_one(state, keys: KeyMaker, setup: Setup, url: str, slots: asyncio.Semaphore) -> dict:
    device = PretendDevice(state, keys, setup)
    result = {"name": state.name, "udid": state.hardware.udid, "serial_number": state.hardware.serial_number}
    visits, error = [], None
    async with slots:
        try:
            await device.enroll(url)
            visits = await device.connect_all()
        except Refused as refused:
            error = str(refused)
    result |= {"platform": state.hardware.platform, "enrolled": error is None, "error": error}
    result["commands"] = [list(command) for visit in visits for command in visit.commands]
    result["sessions"] = [visit.ended for visit in visits]
    return result | {"violations": device.violations}


def _print_summary(summary: dict, as_json: bool) -> None:
    if as_json:
        print(json.dumps(summary, indent=2, ensure_ascii=False), flush=True)
        return
    say(f"{summary['enrolled']} of {summary['requested']} enrolled, {summary['violations']} violations")
    for device in summary["devices"]:
        if device["error"] or device["violations"]:
            say(f"{device['name']}: {device['error'] or '; '.join(device['violations'])}")


if __name__ == "__main__":
    sys.exit(main())
