from pathlib import Path

import pytest

from amcnet.errors import ConfigError
from amcnet.service.training.training_desk import TrainingDesk, TrainingRequest
from amcnet.service.training.training_record import TrainingRecord, TrainingState


def accepted(
    desk: TrainingDesk, data: Path, digest: str = "", owner: str = "anna"
) -> TrainingRecord:
    incoming = data / "incoming"
    incoming.mkdir()
    record, is_new = desk.accept(incoming, TrainingRequest(owner, "scans", 30.0, digest))
    assert is_new == (not incoming.exists())
    if incoming.exists():
        incoming.rmdir()
    return record


def restarted(data: Path) -> TrainingDesk:
    return TrainingDesk(data, 60)


def states(desk: TrainingDesk) -> list[str]:
    return [str(record.state) for record in desk.all()]


def test_states_survive_a_restart(tmp_path: Path) -> None:
    desk = restarted(tmp_path)
    record = accepted(desk, tmp_path)
    assert states(restarted(tmp_path)) == ["queued"]
    desk.begin(record)
    desk.pause(record.id)
    assert desk.is_pausing(record.id)
    assert states(restarted(tmp_path)) == ["paused"]
    desk = restarted(tmp_path)
    desk.resume(record.id)
    assert desk.next_queued() == desk.find(record.id)
    desk.begin(record)
    assert states(restarted(tmp_path)) == ["queued"]


def test_a_pause_that_is_taken_back_queues_the_training_again(tmp_path: Path) -> None:
    desk = restarted(tmp_path)
    record = accepted(desk, tmp_path)
    desk.begin(record)
    desk.pause(record.id)
    desk.resume(record.id)
    assert not desk.is_pausing(record.id)
    assert states(desk) == ["running"]


def test_a_deleted_training_never_comes_back(tmp_path: Path) -> None:
    desk = restarted(tmp_path)
    record = accepted(desk, tmp_path)
    desk.begin(record)
    desk.delete(record.id)
    assert desk.folder(record.id).exists()  # the worker still has files open there
    assert restarted(tmp_path).all() == []
    assert not desk.folder(record.id).exists()
    desk.end(record.id, TrainingState.DONE)
    assert restarted(tmp_path).all() == []


def test_the_same_upload_is_one_training_until_it_fails(tmp_path: Path) -> None:
    desk = restarted(tmp_path)
    first = accepted(desk, tmp_path, "abc")
    assert accepted(desk, tmp_path, "abc").id == first.id
    assert accepted(desk, tmp_path, "abc", owner="berta").id != first.id
    desk.end(first.id, TrainingState.FAILED, "no cases")
    assert accepted(desk, tmp_path, "abc").id != first.id


def test_a_user_cannot_fill_the_queue(tmp_path: Path) -> None:
    desk = restarted(tmp_path)
    for number in range(5):
        accepted(desk, tmp_path, str(number))
    with pytest.raises(ConfigError, match="5 trainings of yours that have not ended"):
        desk.accept(tmp_path, TrainingRequest("anna", "scans", 30.0, "x"))
    desk.end(desk.all()[0].id, TrainingState.DONE)
    accepted(desk, tmp_path, "x")


def test_a_record_that_cannot_be_read_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record = accepted(restarted(tmp_path), tmp_path)
    path = restarted(tmp_path).folder(record.id) / "training.json"
    path.write_text("{")
    assert restarted(tmp_path).all() == []
    assert "cannot be read" in caplog.text
    assert path.exists()


def test_ended_trainings_are_deleted_after_their_time(tmp_path: Path) -> None:
    desk = restarted(tmp_path)
    done, queued = accepted(desk, tmp_path, "a"), accepted(desk, tmp_path, "b")
    desk.end(done.id, TrainingState.DONE)
    desk.delete_expired(keep_hours=1)
    assert len(desk.all()) == 2
    desk.delete_expired(keep_hours=-1)
    assert [record.id for record in desk.all()] == [queued.id]
    assert not desk.folder(done.id).exists()


def test_events_are_read_from_a_number_on(tmp_path: Path) -> None:
    desk = restarted(tmp_path)
    record = accepted(desk, tmp_path)
    assert desk.events(record.id, 0) == []
    model = desk.run(record.id) / "model"
    lines = ['{"step": 1}', f'{{"step": 2, "model": "{model.as_posix()}"}}', '{"ste']
    desk.events_path(record.id).write_text("\n".join(lines))
    assert desk.events(record.id, 1) == [{"step": 2, "model": "run/model"}]
    assert len(desk.events(record.id, 0)) == 2
