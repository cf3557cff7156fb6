"""Findings on the order of structures, and on the exchanges that would restore it."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import log

from amcnet.anatomy import LabelTable
from amcnet.quality.arrangement import Arrangement, Fault, Placing
from amcnet.quality.findings import Finding, Severity
from amcnet.quality.observation import Found

_WIDE_GAP = 2.0  # times the allowed gap: certainly a fault
_MOST_EXCHANGES = 2
# Two swapped structures cause up to two gaps, three steps and a row fault each.
_MOST_FAULTS_OF_A_PAIR = 12
# Allowed increase in the size misfit of exchanged structures, in logarithms of volume.
_SIZE_SLACK = 0.5


@dataclass(frozen=True)
class _Exchange:
    message: str
    pairs: tuple[tuple[int, int], ...]

    def after(self, placing: Placing) -> dict[int, int]:
        result = dict(placing)
        for one, other in self.pairs:
            result[one], result[other] = placing.get(other, other), placing.get(one, one)
        return result


@dataclass(frozen=True)
class OrderCheck:
    """Finds structures out of order, and exchanges of labels that would restore the order.

    Attributes:
        arrangement: The structures.
        table: Their names.
        found: The structures that are present.
        log_volumes: Label value -> logarithm of the expected volume in mm3, if known.
    """

    arrangement: Arrangement
    table: LabelTable
    found: Mapping[int, Found]
    log_volumes: Mapping[int, float]

    def findings(self) -> tuple[list[Finding], set[int]]:
        """Return findings, and the structures that no exchange returns to their chain.

        If exchanging two structures, or two whole groups, removes at least half of the faults, that
        exchange is the finding. Remaining faults are findings of their own.
        """
        findings: list[Finding] = []
        placing: dict[int, int] = {}
        faults = self.arrangement.faults(placing)
        for _ in range(_MOST_EXCHANGES):
            best = self._best_exchange(placing, faults)
            if best is None:
                break
            exchange, faults = best
            placing = exchange.after(placing)
            about = tuple(sorted(itertools.chain(*exchange.pairs)))
            findings.append(Finding("order", Severity.BAD, about, exchange.message))
        loose = {v for fault in faults if fault.kind != "row" for v in fault.structures}
        return findings + [self._finding(fault) for fault in _merged(faults)], loose

    def _best_exchange(
        self, placing: Placing, faults: list[Fault]
    ) -> tuple[_Exchange, list[Fault]] | None:
        """Return the exchange that leaves the fewest faults, at most half, and these faults."""
        if not any(fault.kind != "gap" or fault.amount > _WIDE_GAP for fault in faults):
            return None
        involved = {value for fault in faults for value in fault.structures}
        best: tuple[tuple[int, float], _Exchange, list[Fault]] | None = None
        if len(faults) > _MOST_EXCHANGES * _MOST_FAULTS_OF_A_PAIR:
            involved = set()
        for exchange in self._exchanges(sorted(involved)):
            tried = exchange.after(placing)
            if self._misfit(tried) > self._misfit(placing) + _SIZE_SLACK * len(exchange.pairs):
                continue
            left = self.arrangement.faults(tried)
            if len(left) > len(faults) / 2:
                continue
            cost = (len(left), self.arrangement.total_gap_mm(tried))
            if best is None or cost < best[0]:
                best = (cost, exchange, left)
        return best[1:] if best else None

    def _exchanges(self, involved: list[int]) -> Iterator[_Exchange]:
        """Yield the exchanges of two involved structures, and of two groups."""
        names = {s.value: s.name for s in self.table}
        for one, other in itertools.combinations(involved, 2):
            message = f"{names[one]} and {names[other]}: look swapped"
            yield _Exchange(message, ((one, other),))
        groups = list(dict.fromkeys(s.group for s in self.table if s.group))
        for first, second in itertools.combinations(groups, 2):
            pairs = tuple(self._counterparts(first, second))
            if len(pairs) > 1:
                yield _Exchange(f"all of {first} and {second}: look swapped", pairs)

    def _counterparts(self, first: str, second: str) -> Iterator[tuple[int, int]]:
        places = {(s.segment, s.kind): s.value for s in self.table if s.group == second}
        for s in self.table:
            other = places.get((s.segment, s.kind)) if s.group == first else None
            if other is not None and other in self.found and s.value in self.found:
                yield s.value, other

    def _misfit(self, placing: Placing) -> float:
        """Return the size misfit, summed over the exchanged structures."""
        return sum(
            abs(log(self.found[blob].volume_mm3) - self.log_volumes[value])
            - abs(log(self.found[value].volume_mm3) - self.log_volumes[value])
            for value, blob in placing.items()
            if value in self.log_volumes
        )

    def _finding(self, fault: Fault) -> Finding:
        names = ", ".join(self.table[value].name for value in fault.structures)
        if fault.kind == "gap":
            severity = Severity.BAD if fault.amount > _WIDE_GAP else Severity.LOOK
            message = f"{names}: are next to each other in the chain but lie apart"
            return Finding("order", severity, fault.structures, message)
        if fault.kind == "step":
            message = f"{names}: do not follow each other in this order"
        else:
            message = f"{names}: out of place among those side by side"
        return Finding("order", Severity.BAD, fault.structures, message)


def _merged(faults: list[Fault]) -> list[Fault]:
    """Merge faults along a chain that share structures."""
    result: list[Fault] = []
    for fault in faults:
        last = result[-1] if result else None
        chained = last and "row" not in (last.kind, fault.kind)
        if last and chained and set(last.structures) & set(fault.structures):
            both = tuple(sorted({*last.structures, *fault.structures}))
            kind = "gap" if last.kind == fault.kind == "gap" else "step"
            result[-1] = Fault(kind, both, max(last.amount, fault.amount))
        else:
            result.append(fault)
    return result
