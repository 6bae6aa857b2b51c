"""Collections as background work: progress, cancelling, and the end of the job with its data."""

from datetime import timedelta

import pytest

from kernel.clock import FixedClock
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.jobs.model import JobRequest, JobState
from kernel.jobs.queue import JobQueue
from kernel.store.listing import Ask
from netops.collection.model import DeviceState
from netops.compliance.model import FindingState
from netops.jobs import COLLECT, EXPIRE, SCHEDULES, handlers
from tests.unit.netops.conftest import Room


@pytest.fixture
def queue(room: Room, clock: FixedClock, access: Access) -> JobQueue:
    made = JobQueue(room.database, clock, access)
    made.register(handlers(room.netops))
    return made


def test_a_collection_job_tells_its_progress_and_result(
    room: Room, queue: JobQueue, network_admin: Principal
) -> None:
    request = JobRequest(COLLECT, {"devices": ["ww-core-ios", "ww-rtr-frr"], "source": "on_demand"})
    job_id = queue.enqueue(network_admin, request)
    assert queue.run_next("worker:1")
    job = queue.get(network_admin, job_id)
    assert (job.state, job.done, job.total) == (JobState.SUCCEEDED, 2, 2)
    assert job.result is not None
    assert (job.result["devices"], job.result["failed"]) == (2, 1)
    assert room.versions(network_admin, "ww-core-ios")[0].source == "on_demand"


def test_a_cancelled_collection_keeps_what_it_has(
    room: Room, queue: JobQueue, network_admin: Principal
) -> None:
    fetch = room.collector.fetch

    def cancelling(targets):  # type: ignore[no-untyped-def]
        for number, outcome in enumerate(fetch(targets)):
            if number == 1:
                queue.cancel(network_admin, job_id, reason="enough")
            yield outcome

    room.collector.fetch = cancelling  # type: ignore[method-assign]
    job_id = queue.enqueue(network_admin, JobRequest(COLLECT, max_attempts=1))
    queue.run_next("worker:1")
    assert queue.get(network_admin, job_id).state is JobState.CANCELLED
    listed = room.netops.devices.page(network_admin, Ask()).items
    assert 1 <= len([device for device in listed if device.state is not DeviceState.NEVER]) <= 3


def test_exceptions_end_by_schedule(
    room: Room, queue: JobQueue, network_admin: Principal, officer: Principal, clock: FixedClock
) -> None:
    room.netops.collection.collect(network_admin, ["ww-core-ios"])
    finding = room.found(network_admin, rule="weak-hash")[0]
    until = clock.now() + timedelta(days=3)
    room.netops.findings.grant_exception(officer, finding.id, owner="li", until=until, reason="migration")
    clock.advance(days=4)
    queue.enqueue(network_admin, JobRequest(EXPIRE))
    assert queue.run_next("worker:1")
    assert room.netops.findings.get(network_admin, finding.id).state is FindingState.OPEN


def test_schedules_name_jobs_that_exist(room: Room) -> None:
    assert {kind for _, kind in SCHEDULES.values()} <= set(handlers(room.netops))
