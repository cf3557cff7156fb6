"""Both stages of the hand model, trained further from the bundled weights."""

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import default_rng
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.utils.data import DataLoader

from amcnet.bundle import Bundle
from amcnet.bundle.description import REFINER_WEIGHTS_FILE, RefinerDescription
from amcnet.bundle.formats.network import rebuild_network
from amcnet.losses import DiceAnatomyLoss, DiceLoss
from amcnet.networks.refiner import Refiner
from amcnet.training.loss_config import LossConfig
from amcnet.training.refinement.first_stage import nearest_voxel_labels
from amcnet.training.refinement.patches import BoundaryPatches, PatchOptions, collate_patches
from amcnet.training.refinement.trainer import RefinementLoss
from amcnet.training.renamed_keys import with_current_names
from amcnet.training.transforms.pipeline import augment_batch
from amcnet.training.transforms.settings import AugmentationConfig
from amcnet.training.validation_dice import OverlapCounter
from tools.gpu_minutes.hands import Hand, Order, TwoGrids
from tools.gpu_minutes.training import Run, train_against_the_clock, write_weights

ROOT = Path(__file__).parents[2]
FIRST_STAGE_CONFIG = max((ROOT / "configs").glob("whole-hand-*.toml"))  # the latest configuration
REFINER_CONFIG = ROOT / "configs" / "refine-1.toml"
_FIRST_HANDS = 8  # number of hands that training waits for
_ASK_STEPS = 20  # steps between two checks for new hands
_CROP_PROBABILITY, _SMALLEST_CROP = 0.5, 0.6
_DAMAGED_SHARE = 0.5
_JUDGED_PATCHES = 64


def settings_of(path: Path) -> dict[str, Any]:
    """Return the values of a training configuration."""
    return with_current_names(tomllib.loads(path.read_text(encoding="utf-8")), warn=False)


class FirstStage:
    """The first stage, and the hands that it is trained on.

    Args:
        bundle: The model to start from.
        order: The ordered hands.
        device: Device of the training.
    """

    def __init__(self, bundle: Bundle, order: Order[TwoGrids], device: torch.device) -> None:
        description = bundle.description
        self.table, self.spacing_mm = description.label_table, description.preprocessing.spacing_mm
        self.device = device
        self.network = rebuild_network(bundle).to(device)
        self.hands: list[TwoGrids] = []
        self._order = order
        self._tensors: list[tuple[Tensor, Tensor]] = []

    def train(self, seconds: float, batch: int, out: Path, save_seconds: float) -> Run:
        """Train according to the configuration, but with batches instead of single hands."""
        values = settings_of(FIRST_STAGE_CONFIG)
        augmentation = AugmentationConfig.model_validate(values["augmentation"])
        settings = LossConfig.model_validate(values["loss"])
        dice = DiceLoss(settings.batch_dice, settings.include_background)
        loss = DiceAnatomyLoss(settings.gamma, dice, settings.cross_entropy)
        supervision = self.network.supervision(loss, settings.deep_supervision)
        modules = nn.ModuleList([self.network, supervision]).to(self.device).train()
        rng = default_rng(1)
        self._take(_FIRST_HANDS)

        def step(number: int) -> Tensor:
            if number % _ASK_STEPS == 0:
                self._take(0)
            chosen = rng.integers(len(self._tensors), size=batch)
            images, labels = zip(*(self._tensors[n] for n in chosen), strict=True)
            seeds = rng.integers(2**31, size=batch).tolist()
            pair = torch.stack(images).float(), torch.stack(labels)
            image, target = augment_batch(*pair, augmentation, seeds, self.spacing_mm)
            box = _random_crop(target.shape[1:], rng)
            total: Tensor = supervision(self.network, image[:, :, *box], target[:, *box], number)
            return total

        rate = float(values["optimiser"]["learning_rate"])

        def keep() -> None:
            write_weights(self.network, out)

        return train_against_the_clock(modules, step, seconds, rate, keep, save_seconds)

    def _take(self, fewest: int) -> None:
        for hand in self._order.new(fewest):
            self.hands.append(hand)
            self._tensors.append(self._on_device(hand.coarse))

    def _on_device(self, hand: Hand) -> tuple[Tensor, Tensor]:
        image = torch.from_numpy(hand.image)[None].to(self.device)
        return image, torch.from_numpy(hand.labels).to(self.device)

    @torch.inference_mode()
    def labels(self, hand: Hand) -> NDArray[np.uint8]:
        """Return the prediction of the network for a hand."""
        self.network.eval()
        image, _ = self._on_device(hand)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            logits = self.network(image.float()[None])
        found: NDArray[np.uint8] = logits[0].argmax(dim=0).to(torch.uint8).cpu().numpy()
        return found

    def judge(self, hands: list[TwoGrids]) -> dict[str, float]:
        """Return the pooled Dice of all hands, on the network's grid."""
        counter = OverlapCounter(self.table)
        for hand in hands:
            found = torch.from_numpy(self.labels(hand.coarse))
            counter.add(found, torch.from_numpy(hand.coarse.labels))
        return {name: round(value, 4) for name, value in counter.scores().items()}


def _random_crop(shape: torch.Size, rng: np.random.Generator) -> tuple[slice, ...]:
    if rng.random() >= _CROP_PROBABILITY:
        return tuple(slice(None) for _ in shape)
    sides = [round(rng.uniform(_SMALLEST_CROP, 1) * size) for size in shape]
    starts = [int(rng.integers(size - side + 1)) for size, side in zip(shape, sides, strict=True)]
    return tuple(slice(n, n + side) for n, side in zip(starts, sides, strict=True))


class HandInMemory:
    """A case of :class:`amcnet.training.refinement.patches.BoundaryPatches`, without a run folder.

    Args:
        hand: The hand.
        found: Labels of the first stage, on the refiner's grid.
    """

    def __init__(self, hand: TwoGrids, found: NDArray[np.uint8]) -> None:
        self._hand, self._found = hand, found
        self.case = self
        self.shape = hand.fine.labels.shape

    def centres(self) -> NDArray[np.int16]:
        """Return the positions of the patches."""
        return self._hand.centres

    def cut(
        self, box: tuple[slice, slice, slice]
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint8]]:
        """Return image (channel, ...), true labels and first-stage labels of a box."""
        image = self._hand.fine.image[box].astype(np.float32)[None]
        return image, self._hand.fine.labels[box], self._found[box]


def refinement_cases(stage: FirstStage, hands: list[TwoGrids]) -> tuple[HandInMemory, ...]:
    """Return hands with the first stage's labels."""
    return tuple(
        HandInMemory(hand, nearest_voxel_labels(stage.labels(hand.coarse), hand.fine.labels.shape))
        for hand in hands
    )


class RefinerStage:
    """The refiner, and the patches that it is trained on.

    Args:
        bundle: The model to start from.
        stage: Its first stage, after training.
        workers: Processes that make patches; 0 makes them in this process.
    """

    def __init__(self, bundle: Bundle, stage: FirstStage, workers: int) -> None:
        description: RefinerDescription | None = bundle.description.refiner
        assert description is not None  # noqa: S101  the bundled model has one
        self.spacing_mm, self.patch = description.spacing_mm, description.patch
        self.device, self._table, self._workers = stage.device, stage.table, workers
        self.network = Refiner(description.architecture)
        self.network.load_state_dict(load_file(bundle.path(REFINER_WEIGHTS_FILE)))
        self.network.float().to(self.device)

    def train(
        self,
        cases: tuple[HandInMemory, ...],
        seconds: float,
        batch: int,
        out: Path,
        save_seconds: float,
    ) -> Run:
        """Train according to the configuration."""
        values = settings_of(REFINER_CONFIG)
        augmentation = AugmentationConfig.model_validate(values["augmentation"])
        batches = iter(self._loader(cases, batch, _DAMAGED_SHARE, augmentation))
        loss = RefinementLoss()
        self.network.train()

        def step(_: int) -> Tensor:
            patch, kinds = next(batches)
            logits = self.network(patch.to(self.device, non_blocking=True))
            total: Tensor = loss(logits.float(), kinds.to(self.device, non_blocking=True))
            return total

        rate = float(values["optimiser"]["learning_rate"])

        def keep() -> None:
            write_weights(self.network, out)

        return train_against_the_clock(self.network, step, seconds, rate, keep, save_seconds)

    def _loader(
        self,
        cases: tuple[HandInMemory, ...],
        batch: int,
        damaged: float,
        augmentation: AugmentationConfig | None,
    ) -> DataLoader[Any]:
        options = PatchOptions(self.patch, damaged, augmentation, self.spacing_mm, seed=1)
        patches = BoundaryPatches(cases, self._table, options)  # type: ignore[arg-type]
        numbers = ([n * batch + k for k in range(batch)] for n in range(10**6))
        return DataLoader(
            patches,
            batch_sampler=numbers,  # type: ignore[arg-type]
            num_workers=self._workers,
            collate_fn=collate_patches,
            # The hands are already in memory, and forked processes share them.
            multiprocessing_context="fork" if self._workers else None,
        )

    @torch.inference_mode()
    def judge(self, cases: tuple[HandInMemory, ...]) -> dict[str, float]:
        """Return the mean Dice of the kinds in some patches, as found and refined."""
        self.network.eval()
        kinds = self.network.kinds
        counts = torch.zeros(2, 3, kinds + 1, dtype=torch.long)
        batches = iter(self._loader(cases, 1, 0.0, None))
        for _ in range(_JUDGED_PATCHES):
            patch, actual = next(batches)
            found = patch[:, -kinds:]
            before = torch.where(found.any(dim=1), found.argmax(dim=1) + 1, 0)
            after = self.network(patch.to(self.device)).argmax(dim=1).cpu()
            for row, labels in enumerate((before, after)):
                parts = (actual[labels == actual], labels, actual)
                counts[row] += torch.stack(
                    [torch.bincount(part.reshape(-1), minlength=kinds + 1) for part in parts]
                )
        overlap, predicted, true = counts[:, :, 1:].double().unbind(dim=1)
        dice = (2 * overlap / (predicted + true).clamp_min(1)).mean(dim=1)
        return {"dice_before": round(float(dice[0]), 4), "dice": round(float(dice[1]), 4)}
