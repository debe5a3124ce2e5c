"""What the rest of the product does per second: enrolling devices, queueing, pushing, interpreting reports."""

import statistics
import time
import uuid

from bench import messages
from bench.fleet import EXTRA, MDM_SIGNATURE, insert_devices
from bench.generator import Plan, Script, drive
from bench.processes import used_s
from bench.queues import clear_queues, fleet_channels, found_in_database, queue_questions
from bench.run import Run, emit, latencies, note

ENQUEUE_TARGET_S = 0.5
ENQUEUE_TIMES = 5
QUESTIONS_BY_UUID = {
    f"00000000-0000-0000-0004-{number:012d}": kind for number, kind in enumerate(messages.QUESTIONS)
}  # fmt: skip


def enrollment(run: Run) -> None:
    """Devices enroll over HTTP all at once: Authenticate and TokenUpdate, signed, certificates never seen before."""
    from devices.models import Enrollment, Outbox

    members = run.fleet.make_members(run.options.enrollments, run.options.devices)
    bodies = [
        [messages.authenticate(m.udid, run.topic, m.number), messages.token_update(m.udid, run.topic, m.number)]
        for m in members
    ]
    scripts = []
    for of_one, lines in zip(bodies, run.fleet.headers(MDM_SIGNATURE, members, bodies), strict=True):
        first, second = [
            messages.request(body, line, path="/mdm/checkin", content_type=messages.CHECK_IN_TYPE)
            for body, line in zip(of_one, lines, strict=True)
        ]
        scripts.append(Script(first, {b"TokenUpdate": second}))
    web = run.web()
    database, server = used_s(run.stage.postgres_pid()), used_s(web.child.process.pid)
    outcome = drive(Plan(web.port, scripts, run.options.connections, is_scripted=True))
    database, server = used_s(run.stage.postgres_pid()) - database, used_s(web.child.process.pid) - server
    enrolled = Enrollment.objects.filter(key__in=[m.udid for m in members], state=Enrollment.State.ENROLLED)
    announced = Outbox.objects.filter(kind="enrolled")
    emit(
        "enrollment_storm", identity=MDM_SIGNATURE, devices_per_s=len(members) / outcome.elapsed_s,
        devices=len(members), **latencies(outcome.session_s, "device_"), **latencies(outcome.request_s, "request_"),
        errors=outcome.errors, enrolled_in_database=enrolled.count(), announced=announced.count(),
        web_cpu_us=server / outcome.requests * 1e6, database_cpu_us=database / outcome.requests * 1e6,
    )  # fmt: skip


def enqueue(run: Run) -> None:
    """queue_command to many devices, wake-ups requested, until it is committed."""
    from django.db import connection

    from apns.models import PushState
    from commands.models import QueuedCommand
    from commands.queue import queue_command
    from devices.models import Channel
    from devices.timeline import SYSTEM

    insert_devices([str(uuid.uuid4()).upper() for _ in range(run.options.enqueue_devices)], run.topic, EXTRA)
    channels = Channel.objects.filter(device__serial_number__startswith=EXTRA)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    kind = "DeviceInformation"
    took_s, statements = [], []
    for _ in range(ENQUEUE_TIMES):
        said: list[str] = []

        def listen(execute, sql, parameters, many, context, said=said):
            said.append(sql)
            return execute(sql, parameters, many, context)

        began_at = time.perf_counter()
        with connection.execute_wrapper(listen):
            command = queue_command(kind, messages.QUESTIONS[kind], channels, actor=SYSTEM)
        took_s.append(time.perf_counter() - began_at)
        statements.append(len(said))
    median_s = statistics.median(took_s)
    emit(
        "enqueue", seconds=median_s, slowest_s=max(took_s), devices=run.options.enqueue_devices,
        target_s=ENQUEUE_TARGET_S, meets_target=median_s < ENQUEUE_TARGET_S, statements=max(statements),
        queued_in_database=QueuedCommand.objects.filter(command=command).count(),
    )  # fmt: skip
    PushState.objects.all().delete()
    clear_queues()


def interpretation(run: Run) -> None:
    """Reports worked out by one worker process; first what is new, then answers that change nothing."""
    from commands.results import drain_reports

    for inventory in ("new", "unchanged"):
        _store_reports(run)
        database, own = used_s(run.stage.postgres_pid()), time.process_time()
        began_at = time.perf_counter()
        taken = drain_reports(time_limit_s=120)
        elapsed_s = time.perf_counter() - began_at
        own, database = time.process_time() - own, used_s(run.stage.postgres_pid()) - database
        found = found_in_database(QUESTIONS_BY_UUID)
        emit(
            "interpretation", inventory=inventory, reports_per_s=taken / elapsed_s, reports=taken,
            waiting_in_database=found["uninterpreted"], problems_in_database=found["problems"],
            worker_cpu_us=own / max(1, taken) * 1e6, database_cpu_us=database / max(1, taken) * 1e6,
        )  # fmt: skip
        clear_queues()


def _store_reports(run: Run) -> None:
    """Write what the command endpoint would have written had every device reported on every question."""
    from django.db import connection
    from django.db.models.functions import Now

    from commands.models import QueuedCommand, Report, report_context
    from mdm_project.crypto import seal_body

    note("storing reports")
    queue_questions(QUESTIONS_BY_UUID)
    QueuedCommand.objects.all().update(state=QueuedCommand.State.ACKNOWLEDGED, finished_at=Now())
    queued = QueuedCommand.objects.filter(channel__in=fleet_channels()).order_by("channel_id", "id")
    rows = queued.values_list("id", "channel_id", "channel__enrollment_key", "command__uuid")
    speech = run.fleet.speech
    Report.objects.bulk_create(
        (
            Report(
                channel_id=channel_id, queued_id=queued_id, command_uuid=command_uuid, status="Acknowledged",
                disposition=Report.Disposition.RESULT,
                body_encrypted=seal_body(
                    speech.report(udid, QUESTIONS_BY_UUID[command_uuid], command_uuid), report_context(udid, "")
                ),
            )
            for queued_id, channel_id, udid, command_uuid in rows
        ),
        batch_size=1000,
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE commands_report, commands_queuedcommand")
