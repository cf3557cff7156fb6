import pytest
import torch

from benchmarks import gpu as script


def test_small_sizes_are_measured_on_the_cpu(tmp_path):
    found = script.measure(script.untrained_bundle(tmp_path, script.SMALL), script.SMALL)
    assert [row.overlap for row in found] == list(script.OVERLAPS)
    for row in found:
        assert 0 < row.network_seconds < row.seconds
        assert 0 < row.preprocessing_seconds < row.seconds


def test_figures_become_a_table():
    row = script.Figures(0.25, 4.321, 3.1, 0.8, 7_654_000_000)
    assert script.table([row]).splitlines()[-1] == "| 0.25 | 4.32 | 3.10 | 0.80 | 7.65 |"


def test_the_networks_grid_is_that_of_the_goal(tmp_path):
    bundle = script.untrained_bundle(tmp_path, script.SMALL)
    preprocessing = bundle.description.preprocessing
    assert preprocessing.network_shape(script.FULL.shape, script.SPACING_MM) == (609, 512, 256)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(capsys):
    script.main([])
    assert "PyTorch cannot use a GPU" in capsys.readouterr().out
