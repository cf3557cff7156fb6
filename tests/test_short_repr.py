"""Results show themselves in a few lines, whatever arrays they hold."""

import numpy as np

from amcnet.anatomy import hand_label_table
from amcnet.io import LabelVolume, volume_from_array
from amcnet.labelmaps import find_regions
from amcnet.mesh import find_surfaces
from amcnet.metrics import evaluate_case
from amcnet.quality import check_segmentation
from amcnet.report import Subject, gather_views, report_contents
from amcnet.viewer import make_scene

TABLE = hand_label_table()
SPACING_MM = (1.0, 1.0, 0.5)


def test_every_result_fits_five_lines() -> None:
    labels = np.zeros((40, 30, 30), np.uint8)
    labels[5:20, 5:15, 5:12], labels[22:30, 5:15, 5:12] = 3, 4
    volume = volume_from_array(labels, SPACING_MM)
    subject = Subject(labels, SPACING_MM, TABLE)
    results = [
        volume,
        LabelVolume(volume.array, volume.geometry, remarks=("a remark",) * 40),
        subject,
        *subject.measure()[:4],
        subject.check(),
        check_segmentation(np.zeros((40, 30, 30), np.uint8), SPACING_MM, TABLE),
        gather_views(labels, labels, SPACING_MM, TABLE),
        report_contents(subject, "A scan", {"model": "hand"}, "A notice. " * 40),
        evaluate_case(labels, labels, SPACING_MM, table=TABLE),
        *find_surfaces(volume, TABLE),
        *filter(None, find_regions(labels, TABLE.num_classes, np.array(SPACING_MM))),
        make_scene(volume, "scan.nrrd"),
    ]
    for result in results:
        text = repr(result)
        assert text.startswith(type(result).__name__)
        assert len(text.splitlines()) <= 5
        assert max(map(len, text.splitlines())) <= 100
    assert "array=uint8 (40, 30, 30)" in repr(volume)
