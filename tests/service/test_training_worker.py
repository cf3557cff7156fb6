import threading
from pathlib import Path

from amcnet.service.training.training_desk import TrainingDesk, TrainingRequest
from amcnet.service.training.training_worker import TrainingWorker


def test_a_training_that_cannot_be_started_fails_and_the_next_one_is_tried(tmp_path: Path) -> None:
    desk = TrainingDesk(tmp_path, 60)
    records = []
    for number in "ab":
        (tmp_path / "incoming").mkdir()
        request = TrainingRequest("anna", "scans", 30.0, number)
        records.append(desk.accept(tmp_path / "incoming", request)[0])
        (desk.folder(records[-1].id) / "log").mkdir()  # where the log should be written
    worker = TrainingWorker(desk, "hand", threading.Event())
    for record in records:
        assert desk.next_queued() == record
        worker.step()
        found = desk.find(record.id)
        assert found is not None
        assert str(found.state) == "failed"
        assert found.error.startswith("the server cannot run the training (")
    assert desk.next_queued() is None
