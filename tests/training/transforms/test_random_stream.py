import pytest
import torch

from amcnet.training.transforms.random_stream import WindowRandom

CPU = torch.device("cpu")


def test_numbers_depend_on_the_seed_alone():
    first, again, other = (WindowRandom(seed, CPU) for seed in (7, 7, 8))
    assert first.uniform(0, 1) == again.uniform(0, 1) != other.uniform(0, 1)
    assert torch.equal(first.normal(50), again.normal(50))
    assert not torch.equal(first.normal(50), other.normal(50))


def test_all_bits_of_a_seed_count():
    numbers = {WindowRandom(7 + (high << 32), CPU).uniform(0, 1) for high in range(50)}
    assert len(numbers) == 50


def test_noise_and_parameters_are_apart():
    plain, noisy = WindowRandom(1, CPU), WindowRandom(1, CPU)
    noisy.normal(1000)
    assert plain.uniform(0, 1) == noisy.uniform(0, 1)


def test_neighbouring_seeds_are_independent():
    draws = torch.tensor([WindowRandom(seed, CPU).uniform(-3, 5) for seed in range(2000)])
    assert draws.mean().item() == pytest.approx(1, abs=0.2)
    assert draws.std().item() == pytest.approx(8 / 12**0.5, abs=0.15)
    assert abs(torch.corrcoef(torch.stack((draws[:-1], draws[1:])))[0, 1]) < 0.08


def test_chances_of_nothing_and_all_are_certain():
    random = WindowRandom(0, CPU)
    assert not any(random.chance(0) for _ in range(200))
    assert all(random.chance(1) for _ in range(200))
    assert 60 < sum(random.chance(0.4) for _ in range(200)) < 100
