"""Configuration keys that were renamed."""

import logging
from collections.abc import Mapping
from typing import Any

from amcnet.errors import ConfigError

logger = logging.getLogger(__name__)

# (section, former key) -> key
_RENAMED = {
    ("network", "pools"): "pool_sizes",
    ("network", "block"): "space_to_depth",
    ("network", "detail"): "refinement_channels",
    ("loss", "present"): "batch_dice",
    ("augmentation", "redraw_probability"): "label_to_image_probability",
}


def with_current_names(values: Mapping[str, Any], warn: bool = False) -> dict[str, Any]:
    """Return a configuration whose keys have their current names.

    Args:
        values: The configuration, before it is validated; it is not changed.
        warn: Log a warning that names the former and the current key.

    Raises:
        ConfigError: If a key is present under both names.

    Example:
        >>> with_current_names({"loss": {"present": "batch"}})
        {'loss': {'batch_dice': True}}
    """
    renamed = dict(values)
    for (section, former), key in _RENAMED.items():
        part = renamed.get(section)
        if not isinstance(part, Mapping) or former not in part:
            continue
        if key in part:
            raise ConfigError(f"found {section}.{former} and {section}.{key}, expected only {key}")
        if warn:
            logger.warning("%s.%s is now called %s.%s", section, former, section, key)
        value = part[former]
        others = {name: part[name] for name in part if name != former}
        renamed[section] = {**others, key: value == "batch" if former == "present" else value}
    return renamed
