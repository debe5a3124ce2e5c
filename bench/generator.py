"""The load generator: devices that say what was written for them beforehand, over raw keep-alive sockets and epoll.

It runs in a process of its own (`drive`), because its share of the machine must be small and known. Requests are bytes
made before the run, answers are parsed no further than status, length and CommandUUID. Imports nothing of the product.
A device whose request was not answered 200 sends the same request again, as real ones do.
"""

import pickle
import resource
import select
import socket
import subprocess
import sys
import time
from array import array
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path

PROJECT_FOLDER = Path(__file__).resolve().parents[1]
RECEIVE_BYTES = 1 << 18
TICK_S = 0.05
UUID_MARK = b"<key>CommandUUID</key>"


@dataclass(slots=True)
class Script:
    """What one device says: its opening message, then a report for each command it is given.

    ``reports`` is by CommandUUID. Under Plan.is_scripted they are sent in order, whatever is answered.
    """

    opening: bytes
    reports: dict[bytes, bytes] = field(default_factory=dict)


@dataclass
class Plan:
    """One run. Without ``seconds`` every script is played once; with it they are played in turn until time is up.

    ``think_s`` is the pause before each report; at 0 a device reports as fast as it can.
    """

    port: int
    scripts: list[Script]
    connections: int = 32
    seconds: float | None = None
    is_scripted: bool = False
    think_s: float = 0.0
    retry_after_s: float = 0.3
    answer_timeout_s: float = 15.0
    give_up_after_s: float = 120.0


@dataclass
class Outcome:
    """What was seen. Durations are seconds; statuses count every answer, failures what ended without one."""

    elapsed_s: float = 0.0
    cpu_s: float = 0.0
    requests: int = 0
    sessions: int = 0
    statuses: Counter = field(default_factory=Counter)
    failures: Counter = field(default_factory=Counter)
    request_s: array = field(default_factory=lambda: array("d"))
    session_s: array = field(default_factory=lambda: array("d"))
    delivered: int = 0
    repeated: int = 0
    unexpected: int = 0
    missing: int = 0
    bytes_sent: int = 0

    @property
    def errors(self) -> int:
        """Answers other than 200, and requests without an answer."""
        return sum(count for status, count in self.statuses.items() if status != 200) + sum(self.failures.values())


def drive(plan: Plan) -> Outcome:
    """Run a plan in a process of its own and return what it saw."""
    return finish(launch(plan))


def launch(plan: Plan) -> subprocess.Popen:
    """Start a plan in a process of its own, for `finish`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.generator"], cwd=PROJECT_FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    pickle.dump(plan, process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
    process.stdin.close()
    return process


def finish(process: subprocess.Popen) -> Outcome:
    """Wait for a plan that was started and return what it saw."""
    with process.stdout:
        try:
            return pickle.load(process.stdout)
        finally:
            process.wait()


class _Line:
    """One connection and the device that speaks over it."""

    __slots__ = (
        "answer", "began_at", "deadline", "done", "due_at", "opened_at", "order", "request", "script", "sock",
    )  # fmt: skip

    def __init__(self):
        self.sock: socket.socket | None = None
        self.script: Script | None = None
        self.request = b""
        self.answer = b""
        self.done: set[bytes] = set()
        self.order = iter(())
        self.opened_at = self.began_at = self.due_at = 0.0
        self.deadline = float("inf")


class Generator:
    """Plays a plan on one thread."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self.outcome = Outcome()
        self.epoll = select.epoll()
        self.lines: dict[int, _Line] = {}
        self.waiting: list[_Line] = []
        self.scripts = deque(plan.scripts)
        self.ends_at = float("inf")
        self.busy = 0

    def run(self) -> Outcome:
        began_at = time.perf_counter()
        cpu_before = _cpu_s()
        self.ends_at = began_at + (self.plan.seconds or float("inf"))
        gives_up_at = began_at + (self.plan.seconds or 0) + self.plan.give_up_after_s
        for _ in range(min(self.plan.connections, len(self.plan.scripts))):
            self._next_script(_Line())
        next_tick = began_at
        while self.busy:
            for number, _ in self.epoll.poll(TICK_S):
                self._receive(self.lines[number])
            now = time.perf_counter()
            if now >= next_tick:
                next_tick = now + TICK_S
                self._tick(now)
            if now > gives_up_at:
                self.outcome.failures["gave up"] += self.busy
                break
        self.outcome.elapsed_s = time.perf_counter() - began_at
        self.outcome.cpu_s = _cpu_s() - cpu_before
        self.outcome.missing += sum(len(script.reports) for script in self.scripts) if not self.plan.seconds else 0
        return self.outcome

    # Sessions

    def _next_script(self, line: _Line) -> None:
        """Begin the next device's session on this connection, or rest it when nothing is left to do."""
        if line.script is None:
            self.busy += 1
        if not self.scripts or time.perf_counter() >= self.ends_at:
            self.busy -= 1
            self._close(line)
            return
        line.script = self.scripts.popleft()
        if self.plan.seconds:
            self.scripts.append(line.script)
        line.done = set()
        line.order = iter(line.script.reports.values()) if self.plan.is_scripted else iter(())
        line.opened_at = time.perf_counter()
        self._send(line, line.script.opening)

    def _answered(self, line: _Line, body: bytes) -> None:
        """Take a 200: say what comes next in this session, or end it."""
        following = next(line.order, None) if self.plan.is_scripted else self._report_for(line, body)
        if following is not None and self.plan.think_s:
            line.request = following
            self._send_later(line, self.plan.think_s)
            return
        if following is not None:
            self._send(line, following)
            return
        if not self.plan.is_scripted:
            self.outcome.missing += len(line.script.reports) - len(line.done)
        self.outcome.sessions += 1
        self.outcome.session_s.append(time.perf_counter() - line.opened_at)
        self._next_script(line)

    def _report_for(self, line: _Line, body: bytes) -> bytes | None:
        """Return the report on the command in an answer; None when there is none, or one nobody queued."""
        if not body:
            return None
        start = body.find(b"<string>", body.find(UUID_MARK)) + 8
        command_uuid = body[start : body.find(b"</string>", start)]
        report = line.script.reports.get(command_uuid)
        if report is None:
            self.outcome.unexpected += 1
            return None
        if command_uuid in line.done:
            self.outcome.repeated += 1
        else:
            self.outcome.delivered += 1
        line.done.add(command_uuid)
        return report

    # Connections

    def _send(self, line: _Line, request: bytes) -> None:
        line.request, line.answer = request, b""
        if line.sock is None and not self._connect(line):
            return
        line.began_at = time.perf_counter()
        line.deadline = line.began_at + self.plan.answer_timeout_s
        try:
            sent = line.sock.send(request)
            if sent < len(request):
                line.sock.setblocking(True)
                line.sock.sendall(request[sent:])
                line.sock.setblocking(False)
        except OSError as error:
            self._fail(line, type(error).__name__)

    def _connect(self, line: _Line) -> bool:
        try:
            sock = socket.create_connection(("127.0.0.1", self.plan.port), timeout=5)
        except OSError as error:
            self._fail(line, type(error).__name__)
            return False
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        line.sock = sock
        self.lines[sock.fileno()] = line
        self.epoll.register(sock, select.EPOLLIN)
        return True

    def _close(self, line: _Line) -> None:
        if line.sock is None:
            return
        line.deadline = float("inf")
        self.epoll.unregister(line.sock)
        del self.lines[line.sock.fileno()]
        line.sock.close()
        line.sock = None

    def _receive(self, line: _Line) -> None:
        try:
            data = line.sock.recv(RECEIVE_BYTES)
        except OSError as error:
            self._fail(line, type(error).__name__)
            return
        if not data:
            # A kept-alive connection may be closed while nothing is asked; the next request opens another.
            self._fail(line, "closed") if line.deadline != float("inf") else self._close(line)
            return
        line.answer = answer = line.answer + data if line.answer else data
        head_end = answer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        length_at = answer.find(b"ontent-", 0, head_end)
        length_at = answer.lower().find(b"content-length:", 0, head_end) if length_at >= 0 else -1
        length = int(answer[length_at + 15 : answer.find(b"\r", length_at)]) if length_at >= 0 else 0
        if len(answer) < head_end + 4 + length:
            return
        self._complete(line, int(answer[9:12]), answer[head_end + 4 :])

    def _complete(self, line: _Line, status: int, body: bytes) -> None:
        now = time.perf_counter()
        self.outcome.requests += 1
        self.outcome.bytes_sent += len(line.request)
        self.outcome.statuses[status] += 1
        line.deadline = float("inf")
        if status != 200:
            self._send_later(line, self.plan.retry_after_s)
            return
        self.outcome.request_s.append(now - line.began_at)
        self._answered(line, body)

    def _fail(self, line: _Line, reason: str) -> None:
        self.outcome.failures[reason] += 1
        self._close(line)
        self._send_later(line, self.plan.retry_after_s)

    def _send_later(self, line: _Line, pause_s: float) -> None:
        """Send the line's request (again) after a pause."""
        line.deadline = float("inf")
        line.due_at = time.perf_counter() + pause_s
        self.waiting.append(line)

    def _tick(self, now: float) -> None:
        """Send what waits for its time, and give up answers that are overdue."""
        due = [line for line in self.waiting if line.due_at <= now]
        if due:
            self.waiting = [line for line in self.waiting if line.due_at > now]
        for line in due:
            self._send(line, line.request)
        for line in [line for line in self.lines.values() if line.deadline < now]:
            self._fail(line, "timeout")


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    # Unpickled as bench.generator's own classes: run as a script, this file is a second module with equal ones.
    from bench import generator

    plan = pickle.load(sys.stdin.buffer)
    pickle.dump(generator.Generator(plan).run(), sys.stdout.buffer, protocol=pickle.HIGHEST_PROTOCOL)
