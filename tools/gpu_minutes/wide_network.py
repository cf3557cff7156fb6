"""The network of the paper's width: its training, its Dice, and its time from array to labels."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import default_rng
from torch import Tensor

from amcnet.anatomy import hand_label_table
from amcnet.bundle import Bundle, BundleDescription, Provenance
from amcnet.bundle.description import WEIGHTS_FILE
from amcnet.data.preprocessing import Preprocessing
from amcnet.inference.confidence import ConfidenceMeter
from amcnet.inference.sliding_windows import Windows
from amcnet.inference.torch_engine import TorchEngine, gpu_order
from amcnet.losses import DiceAnatomyLoss, DiceLoss
from amcnet.networks import Architecture, build_network
from amcnet.networks.prior import expect_background
from amcnet.training.loss_config import LossConfig
from tools.gpu_minutes.hand_model import ROOT, settings_of
from tools.gpu_minutes.hands import Hand, Order
from tools.gpu_minutes.plan import Plan
from tools.gpu_minutes.training import Run, train_against_the_clock, write_weights

CONFIG = ROOT / "configs" / "paper.toml"
_RATE = 0.001  # the paper's 0.01 needs more steps than there are
_BACKGROUND = 0.98
_OVERLAP = 0.25
_FIRST_HANDS = 2
_ASK_STEPS = 10
_REPEAT = 2


class WideNetwork:
    """AMCNet at the paper's width, from random weights.

    Args:
        plan: The sizes.
        folder: Folder of its weights.
        device: Device of the training.
    """

    def __init__(self, plan: Plan, folder: Path, device: torch.device) -> None:
        torch.manual_seed(0)
        self._plan, self._folder, self._device = plan, folder, device
        self.table = hand_label_table()
        self.architecture = Architecture(width=plan.width)
        network = build_network(self.architecture)
        expect_background(network, _BACKGROUND, self.table.num_classes)
        order = gpu_order(network) if device.type == "cuda" else torch.contiguous_format
        self.network = network.to(device=device, memory_format=order)
        write_weights(self.network, folder / WEIGHTS_FILE)

    def train(self, order: Order[Hand], seconds: float) -> Run:
        """Train on windows at random positions."""
        settings = LossConfig.model_validate(settings_of(CONFIG)["loss"])
        dice = DiceLoss(settings.batch_dice, settings.include_background)
        loss = DiceAnatomyLoss(settings.gamma, dice, settings.cross_entropy)
        hands: list[tuple[Tensor, Tensor]] = []
        rng, slices = default_rng(2), self._plan.slices
        self.network.train()

        def take(fewest: int) -> None:
            for hand in order.new(fewest):
                image, labels = torch.from_numpy(hand.image), torch.from_numpy(hand.labels)
                hands.append((image.to(self._device), labels.to(self._device)))

        def step(number: int) -> Tensor:
            if number % _ASK_STEPS == 0:
                take(0)
            image, labels = hands[rng.integers(len(hands))]
            start = int(rng.integers(max(1, len(image) - slices + 1)))
            part = slice(start, start + slices)
            logits = self.network(image[None, None, part].float())
            total: Tensor = loss(logits.float(), labels[None, part])
            return total

        def keep() -> None:
            write_weights(self.network, self._folder / WEIGHTS_FILE)

        take(_FIRST_HANDS)
        return train_against_the_clock(
            self.network, step, seconds, _RATE, keep, self._plan.save_seconds
        )

    def bundle(self, spacing_mm: tuple[float, float, float]) -> Bundle:
        """Return the weights on disk as a bundle, without an OpenVINO network."""
        description = BundleDescription(
            name="wide",
            notice="For measuring only.",
            architecture=self.architecture,
            preprocessing=Preprocessing(spacing_mm=spacing_mm),
            window=self._plan.slices,
            labels=self.table.to_dicts(),
            provenance=Provenance(training_data="phantoms", configuration={}),
            sha256={WEIGHTS_FILE: ""},
        )
        return Bundle(self._folder, description)

    def time_to_labels(self) -> dict[str, Any]:
        """Time a whole volume from array to labels at its own resolution, with any weights.

        Returns:
            The best of a few runs after a warm-up run, in seconds, and the peak of the GPU's memory
            in bytes.
        """
        shape = self._plan.volume
        grid = self._plan.wide_grid
        spacing = tuple(view / n for view, n in zip(grid.field_of_view_mm, shape, strict=True))
        bundle = self.bundle(grid.spacing_mm)
        engine = TorchEngine([bundle], self._device.type)
        volume = default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        seconds = []
        for _ in range(1 + _REPEAT):
            began = time.perf_counter()
            image = bundle.description.preprocessing.apply(volume, spacing)[None]
            self._labels(engine, image, shape)
            seconds.append(round(time.perf_counter() - began, 3))
        peak = torch.cuda.max_memory_allocated() if self._device.type == "cuda" else 0
        return {"seconds": min(seconds[1:]), "all_seconds": seconds, "peak_bytes": peak}

    def _labels(
        self, engine: TorchEngine, image: np.ndarray, shape: tuple[int, int, int]
    ) -> np.ndarray:
        meter = ConfidenceMeter(self.table.num_classes)
        windows = Windows(self._plan.slices, _OVERLAP)
        return np.stack(list(engine.label_slices(image, shape, windows, meter)))

    def judge(self, hands: list[Hand]) -> dict[str, Any]:
        """Return the Dice of unseen hands on the network's grid, hand by hand."""
        engine = TorchEngine([self.bundle(self._plan.wide_grid.spacing_mm)], self._device.type)
        per_hand = []
        for hand in hands:
            image = hand.image.astype(np.float32)[None]
            found = self._labels(engine, image, image.shape[1:])
            scores = [
                2 * np.count_nonzero((found == v) & (hand.labels == v))
                / (np.count_nonzero(found == v) + np.count_nonzero(hand.labels == v))
                for v in np.unique(hand.labels).tolist()
                if v
            ]  # fmt: skip
            per_hand.append(round(float(np.mean(scores)), 4) if scores else 0.0)
        return {"dice": round(float(np.mean(per_hand)), 4), "per_hand": per_hand}
