import threading

import pytest
from django.db import connections, transaction

from commands import results
from commands.models import Report
from devices.models import Answer
from tests.factories import make_report


def information(**values) -> dict:
    return {"QueryResponses": values}


@pytest.mark.usefixtures("committed_db")
def test_workers_beside_each_other_share_the_reports_out():
    for number in range(60):
        make_report(answer=information(DeviceName=f"name {number}"))
    taken, failures = [], []

    def work():
        try:
            taken.append(results.drain_reports(limit=7))
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
    assert sum(taken) == 60
    assert not Report.objects.exclude(attempts=1).exists()
    assert Answer.objects.count() == 60


@pytest.mark.usefixtures("committed_db")
def test_a_claimed_report_is_left_alone_and_free_again_when_its_worker_dies():
    make_report(answer=information(DeviceName="x"))
    counts = []

    def look():
        counts.append(results.interpret_reports())
        connections.close_all()

    with transaction.atomic():
        results._claim(10)
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        transaction.set_rollback(True)
    assert results.interpret_reports() == 1
    assert counts == [0]
