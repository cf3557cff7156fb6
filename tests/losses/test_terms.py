import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.losses import DiceLoss as MonaiDiceLoss
from torch.nn.functional import log_softmax, max_pool3d, nll_loss, one_hot

from amcnet.anatomy import IGNORE
from amcnet.errors import InputError
from amcnet.losses import AnatomyConstraintLoss, DiceAnatomyLoss, DiceLoss


def random_case(seed: int = 0, classes: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, classes, 4, 5, 6, generator=generator, dtype=torch.float64)
    target = torch.randint(classes, (2, 4, 5, 6), generator=generator)
    return logits, target


def logits_of_labels(labels: torch.Tensor, classes: int) -> torch.Tensor:
    return (one_hot(labels.long(), classes).movedim(-1, 1).double() - 0.5) * 2000


def dense_anatomy_loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Eq. 5-6 written out with all class maps."""
    labels = one_hot(target, logits.shape[1]).movedim(-1, 1).to(logits.dtype)
    dilated = max_pool3d(logits.softmax(dim=1), 3, stride=1, padding=1)
    error = torch.relu(labels - dilated)
    return -(error * labels * log_softmax(logits, dim=1)).sum(dim=1).mean()


@pytest.mark.parametrize("classes", [2, 5, 39])
def test_anatomy_loss_of_a_uniform_prediction(classes: int) -> None:
    target = torch.randint(classes, (1, 4, 6, 5))
    loss = AnatomyConstraintLoss()(torch.zeros(1, classes, 4, 6, 5, dtype=torch.float64), target)
    assert loss.item() == pytest.approx((1 - 1 / classes) * math.log(classes), abs=1e-12)


def test_anatomy_loss_of_a_perfect_prediction_is_zero() -> None:
    _, target = random_case()
    assert AnatomyConstraintLoss()(logits_of_labels(target, 4), target).item() == 0


def test_anatomy_loss_forgives_a_shift_of_one_voxel() -> None:
    # Stripes three voxels wide: shifted by one, every label voxel still has its own class beside.
    target = (torch.arange(18) // 3).expand(1, 6, 6, 18).contiguous()
    shifted = target.roll(1, dims=3)
    shifted[..., 0] = target[..., 0]
    loss = AnatomyConstraintLoss()
    assert loss(logits_of_labels(shifted, 6), target).item() == 0
    far = target.roll(5, dims=3)
    assert loss(logits_of_labels(far, 6), target).item() > 1


@given(seed=st.integers(0, 10_000), classes=st.integers(2, 7))
@settings(max_examples=25, deadline=None)
def test_anatomy_loss_equals_its_dense_form(seed: int, classes: int) -> None:
    logits, target = random_case(seed, classes)
    logits.requires_grad_(True)
    sparse = AnatomyConstraintLoss()(logits, target)
    dense = dense_anatomy_loss(logits, target)
    torch.testing.assert_close(sparse, dense)
    torch.testing.assert_close(
        torch.autograd.grad(sparse, logits), torch.autograd.grad(dense, logits)
    )


@pytest.mark.parametrize("loss", [AnatomyConstraintLoss(), DiceLoss(), DiceAnatomyLoss()])
def test_relabelling_changes_nothing(loss: torch.nn.Module) -> None:
    logits, target = random_case()
    order = torch.tensor([0, 3, 1, 2])  # the background stays: Dice leaves it out
    relabelled = torch.empty_like(order)
    relabelled[order] = torch.arange(4)
    torch.testing.assert_close(loss(logits[:, order], relabelled[target]), loss(logits, target))


@pytest.mark.parametrize("loss", [AnatomyConstraintLoss(), DiceLoss(), DiceAnatomyLoss()])
def test_gradients_match_finite_differences(loss: torch.nn.Module) -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(1, 3, 3, 3, 2, generator=generator, dtype=torch.float64)
    target = torch.randint(3, (1, 3, 3, 2), generator=generator)
    assert torch.autograd.gradcheck(lambda x: loss(x, target), logits.requires_grad_(True))


def test_gradient_flows_through_the_error_map() -> None:
    logits, target = random_case()
    logits.requires_grad_(True)
    (full,) = torch.autograd.grad(AnatomyConstraintLoss()(logits, target), logits)
    labels = one_hot(target, 4).movedim(-1, 1).double()
    dilated = max_pool3d(logits.detach().softmax(dim=1), 3, stride=1, padding=1)
    fixed = torch.relu(labels - dilated)
    frozen_loss = -(fixed * labels * log_softmax(logits, dim=1)).sum(dim=1).mean()
    (frozen,) = torch.autograd.grad(frozen_loss, logits)
    assert (full - frozen).abs().max() > 1e-4


@pytest.mark.parametrize("loss", [AnatomyConstraintLoss(), DiceLoss(), DiceAnatomyLoss()])
@pytest.mark.parametrize(
    ("given_dtype", "loss_dtype"),
    [
        (torch.float64, torch.float64),
        (torch.float32, torch.float32),
        (torch.bfloat16, torch.float32),
    ],
)
def test_precision(
    loss: torch.nn.Module, given_dtype: torch.dtype, loss_dtype: torch.dtype
) -> None:
    logits, target = random_case()
    assert loss(logits.to(given_dtype), target).dtype == loss_dtype


def test_extreme_logits_stay_finite() -> None:
    _, target = random_case()
    logits = logits_of_labels((target + 1) % 4, 4).float().requires_grad_(True)
    loss = DiceAnatomyLoss()(logits, target)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_dice_equals_monai_where_all_classes_occur() -> None:
    logits, target = random_case()
    expected = MonaiDiceLoss(
        softmax=True, to_onehot_y=True, include_background=False, smooth_nr=1e-5, smooth_dr=1e-5
    )(logits, target[:, None])
    torch.testing.assert_close(DiceLoss()(logits, target), expected, atol=1e-6, rtol=0)
    pooled = MonaiDiceLoss(
        softmax=True, to_onehot_y=True, batch=True, smooth_nr=1e-5, smooth_dr=1e-5
    )(logits, target[:, None])
    ours = DiceLoss(batch_dice=True, include_background=True)(logits, target)
    torch.testing.assert_close(ours, pooled, atol=1e-6, rtol=0)


def test_dice_counts_present_classes_only() -> None:
    target = torch.zeros(1, 2, 4, 4, dtype=torch.long)
    assert DiceLoss()(torch.randn(1, 5, 2, 4, 4), target).item() == 0
    target[0, 0, 0] = 2
    perfect = logits_of_labels(target, 5)
    assert DiceLoss()(perfect, target).item() == pytest.approx(0, abs=1e-6)
    assert DiceLoss()(perfect, (target > 0).long() * 3).item() == pytest.approx(1, abs=1e-4)


def test_sum_is_weighted() -> None:
    logits, target = random_case()
    dice, anatomy = DiceLoss()(logits, target), AnatomyConstraintLoss()(logits, target)
    torch.testing.assert_close(DiceAnatomyLoss()(logits, target), dice + 0.5 * anatomy)
    torch.testing.assert_close(DiceAnatomyLoss(gamma=0)(logits, target), dice)
    with_entropy = DiceAnatomyLoss(gamma=0, cross_entropy=2)(logits, target)
    torch.testing.assert_close(with_entropy, dice + 2 * nll_loss(log_softmax(logits, 1), target))


def test_cross_entropy_sees_what_the_papers_terms_forgive() -> None:
    target = torch.zeros(1, 4, 8, 8, dtype=torch.long)
    target[:, :, 2:5, 2:5] = 1
    scattered = target.clone()
    scattered[:, ::2, ::2, 6:] = 2  # a class that is absent, beside right voxels
    logits = logits_of_labels(scattered, 3) / 100
    assert DiceAnatomyLoss()(logits, target).item() == pytest.approx(0, abs=1e-4)
    assert DiceAnatomyLoss(cross_entropy=1)(logits, target).item() > 0.5


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (torch.zeros(2, 4, 5, 7, dtype=torch.long), "shape \\(2, 4, 5, 7\\), expected"),
        (torch.zeros(2, 4, 5, 6), "torch.float32, expected integer"),
        (torch.full((2, 4, 5, 6), 4), "classes 4 to 4, expected 0 to 3 or 255"),
        (torch.full((2, 4, 5, 6), -1), "classes -1 to -1, expected 0 to 3"),
    ],
)
def test_bad_targets_are_refused(target: torch.Tensor, message: str) -> None:
    logits, _ = random_case()
    with pytest.raises(InputError, match=message):
        DiceAnatomyLoss()(logits, target)


def test_more_classes_than_labels_are_refused() -> None:
    target = torch.zeros(1, 2, 2, 2, dtype=torch.uint8)
    with pytest.raises(InputError, match="256 classes, expected at most 255"):
        DiceLoss()(torch.zeros(1, 256, 2, 2, 2), target)


def test_anatomy_loss_with_ignored_voxels_by_hand() -> None:
    # Three voxels in a row, P of class 1: 0.2, 0.6, 0.3. The middle one is ignored.
    second = torch.tensor([0.2, 0.6, 0.3], dtype=torch.float64)
    logits = torch.stack((1 - second, second)).log().view(1, 2, 1, 1, 3)
    target = torch.tensor([1, IGNORE, 0], dtype=torch.uint8).view(1, 1, 1, 3)
    left = -(1 - 0.6) * math.log(0.2)  # the ignored neighbour may forgive
    right = -(1 - 0.7) * math.log(0.7)
    loss = AnatomyConstraintLoss()(logits, target)
    assert loss.item() == pytest.approx((left + right) / 2, abs=1e-12)
    dice = 2 * 0.2 / (0.2 + 0.3 + 1)  # of class 1, over the outer voxels
    assert DiceLoss(smooth=0)(logits, target).item() == pytest.approx(1 - dice, abs=1e-12)
    entropy = -(math.log(0.2) + math.log(0.7)) / 2
    both = DiceAnatomyLoss(gamma=0, dice=DiceLoss(smooth=0), cross_entropy=1)(logits, target)
    assert both.item() == pytest.approx(1 - dice + entropy, abs=1e-12)


@pytest.mark.parametrize(
    ("loss", "reach"),  # what is predicted in a voxel's neighbour counts for the anatomy term
    [
        (DiceLoss(), 0),
        (DiceAnatomyLoss(gamma=0, cross_entropy=1), 0),
        (AnatomyConstraintLoss(), 1),
        (DiceAnatomyLoss(cross_entropy=1), 1),
    ],
)
def test_predictions_in_ignored_voxels_do_not_matter(loss: torch.nn.Module, reach: int) -> None:
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(2, 4, 6, 7, 8, generator=generator, dtype=torch.float64)
    target = torch.randint(4, (2, 6, 7, 8), generator=generator, dtype=torch.uint8)
    target[:, 1:5, 1:6, 2:7] = IGNORE
    region = (..., slice(1 + reach, 5 - reach), slice(1 + reach, 6 - reach))
    region = (*region, slice(2 + reach, 7 - reach))
    other = logits.clone()
    other[region] = 5 * torch.randn(other[region].shape, generator=generator, dtype=torch.float64)
    logits.requires_grad_(True)
    value = loss(logits, target)
    torch.testing.assert_close(loss(other, target), value)
    (gradient,) = torch.autograd.grad(value, logits)
    assert not gradient[region].any()
    assert gradient.any()


def test_ignored_slices_are_as_good_as_cut_off() -> None:
    logits, target = random_case()
    cut = logits[:, :, :3], target[:, :3]
    target = target.clone()
    target[:, 3:] = IGNORE
    for loss in (DiceLoss(), DiceLoss("batch", True), DiceAnatomyLoss(0, cross_entropy=1)):
        torch.testing.assert_close(loss(logits, target), loss(*cut))


@pytest.mark.parametrize("loss", [AnatomyConstraintLoss(), DiceLoss(), DiceAnatomyLoss(1, None, 1)])
def test_nothing_to_judge_is_no_loss(loss: torch.nn.Module) -> None:
    logits = torch.randn(2, 3, 2, 4, 5, requires_grad=True)
    value = loss(logits, torch.full((2, 2, 4, 5), IGNORE, dtype=torch.uint8))
    value.backward()
    assert value.item() == 0
    assert not logits.grad.any()


def test_target_is_left_alone() -> None:
    logits, target = random_case()
    target[:, 1] = IGNORE
    before = target.clone()
    DiceAnatomyLoss()(logits.requires_grad_(True), target).backward()
    torch.testing.assert_close(target, before)
