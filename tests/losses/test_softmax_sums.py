import pytest
import torch
from torch import Tensor
from torch.nn.functional import log_softmax, max_pool3d, one_hot
from torch.utils._python_dispatch import TorchDispatchMode

from amcnet.anatomy import IGNORE
from amcnet.losses import softmax_sums as module
from amcnet.losses.softmax_sums import SoftmaxSums, softmax_sums

SHAPE = (2, 5, 7, 6, 4)


def random_case(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(5)
    logits = torch.randn(SHAPE, generator=generator, dtype=torch.float64).to(dtype)
    target = torch.randint(4, (2, 7, 6, 4), generator=generator, dtype=torch.uint8)
    target[torch.rand(target.shape, generator=generator) < 0.2] = IGNORE
    return logits, target


def dense_sums(logits: Tensor, target: Tensor) -> SoftmaxSums:
    """All sums written out with the maps of all classes."""
    judged = (target != IGNORE)[:, None]
    labels = one_hot(target.long().masked_fill(target == IGNORE, 0), logits.shape[1])
    labels = labels.movedim(-1, 1) * judged
    probability, log_probability = logits.softmax(1), log_softmax(logits, 1)
    error = torch.relu(labels - max_pool3d(probability, 3, stride=1, padding=1)).nan_to_num()
    return SoftmaxSums(
        (probability * judged).flatten(2).sum(2),
        (probability * labels).flatten(2).sum(2),
        labels.flatten(2).sum(2).to(logits.dtype),
        -(labels * log_probability).sum(),
        -(error * labels * log_probability).sum(),
    )


def weighted(sums: SoftmaxSums) -> Tensor:
    generator = torch.Generator().manual_seed(6)
    terms = (sums.predicted, sums.overlap, sums.cross_entropy, sums.anatomy)
    return sum(
        (torch.randn(term.shape, generator=generator, dtype=term.dtype) * term).sum()
        for term in terms
    )


@pytest.mark.parametrize("slab", [1, 500, 10**9])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d])
def test_sums_and_gradients_equal_their_dense_form(
    slab: int, layout: torch.memory_format, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SLAB_ELEMENTS", slab)
    logits, target = random_case()
    logits = logits.contiguous(memory_format=layout).requires_grad_(True)
    ours, dense = softmax_sums(logits, target, anatomy=True), dense_sums(logits, target)
    torch.testing.assert_close(ours, dense)
    torch.testing.assert_close(
        torch.autograd.grad(weighted(ours), logits), torch.autograd.grad(weighted(dense), logits)
    )


def test_anatomy_is_left_out_unless_asked_for() -> None:
    logits, target = random_case()
    ours, dense = softmax_sums(logits, target), dense_sums(logits, target)
    assert ours.anatomy.item() == 0
    torch.testing.assert_close(ours[:4], dense[:4])


def test_half_precision_is_summed_in_float32() -> None:
    logits, target = random_case(torch.bfloat16)
    logits.requires_grad_(True)
    wide = logits.detach().float().requires_grad_(True)
    ours, exact = softmax_sums(logits, target, True), softmax_sums(wide, target, True)
    torch.testing.assert_close(ours, exact)
    (gradient,) = torch.autograd.grad(weighted(ours), logits)
    (wide_gradient,) = torch.autograd.grad(weighted(exact), wide)
    assert gradient.dtype == torch.bfloat16
    torch.testing.assert_close(gradient, wide_gradient.bfloat16())


def test_autocast_changes_nothing() -> None:
    logits, target = random_case(torch.float32)
    logits.requires_grad_(True)
    plain = softmax_sums(logits, target, True)
    (gradient,) = torch.autograd.grad(weighted(plain), logits)
    with torch.autocast("cpu", torch.bfloat16):
        cast = softmax_sums(logits, target, True)
        (cast_gradient,) = torch.autograd.grad(weighted(cast), logits)
    torch.testing.assert_close(cast, plain, rtol=0, atol=0)
    torch.testing.assert_close(cast_gradient, gradient, rtol=0, atol=0)


class _Allocations(TorchDispatchMode):
    """Counts the tensors of at least a size that operations return in memory of their own."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.seen: set[int] = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else (result,):
            if isinstance(tensor, Tensor) and tensor.untyped_storage().nbytes() >= self.size:
                self.seen.add(tensor.untyped_storage().data_ptr())
        return result


def test_the_gradient_is_the_only_new_tensor_as_large_as_half_the_logits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_SLAB_ELEMENTS", 39 * 20 * 20)
    logits = torch.randn(1, 39, 12, 20, 20, requires_grad=True)
    target = torch.randint(39, (1, 12, 20, 20), dtype=torch.uint8)
    own = logits.untyped_storage()
    with _Allocations(own.nbytes() // 2) as large:
        sums = softmax_sums(logits, target, anatomy=True)
        weighted(sums).backward()
    assert large.seen - {own.data_ptr()} == {logits.grad.untyped_storage().data_ptr()}
