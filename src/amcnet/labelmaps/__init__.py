"""Label maps: run-length encoding, connected components, regions, selection, clean-up."""

from amcnet.labelmaps.cleanup import clean_up
from amcnet.labelmaps.connected_components import find_components
from amcnet.labelmaps.region import Region, extent_mm, length_mm, principal_extents_mm
from amcnet.labelmaps.region_finding import find_regions
from amcnet.labelmaps.run_length import RunLengthEncoder, RunLengthEncoding
from amcnet.labelmaps.selection import find_structures, mask_names

__all__ = [
    "Region",
    "RunLengthEncoder",
    "RunLengthEncoding",
    "clean_up",
    "extent_mm",
    "find_components",
    "find_regions",
    "find_structures",
    "length_mm",
    "mask_names",
    "principal_extents_mm",
]
