"""``amcnet segment --server``: plan, report and write the manifest here, segment on a server."""

from collections.abc import Sequence
from pathlib import Path

from amcnet.anatomy import LabelTable
from amcnet.errors import ConfigError
from amcnet.service.client.remote_run import RemoteRun
from amcnet.service.client.server_connection import ServerConnection, read_token
from amcnet.workflows.segment.options import Job, SegmentOptions
from amcnet.workflows.segment.plan import plan_for_model

_DECIDED_THERE = {"--model": "models", "--backend": "backend", "--device": "device",
                  "--memory": "memory_gb"}  # fmt: skip


class SegmentOnServer:
    """A server that segments volumes.

    Args:
        url: Its address.
        token_file: File with the user's token.

    Raises:
        ConfigError: If the address or the file cannot be used.
        ServerError: If the server speaks another protocol or does not accept the token.
        UnreachableError: If it does not answer.

    Example:
        >>> SegmentOnServer("host:8042", None)
        Traceback (most recent call last):
        ...
        amcnet.errors.ConfigError: --server: found 'host:8042', expected http://HOST:PORT or \
        https://HOST
    """

    def __init__(self, url: str, token_file: Path | None) -> None:
        token = None if token_file is None else read_token(token_file)
        connection = ServerConnection(url, token)
        self._capabilities = connection.describe()["capabilities"]
        self.run = RemoteRun(connection, self._capabilities)

    @property
    def models(self) -> list[dict[str, str]]:
        """Names and hashes of the server's models, for a manifest."""
        model = self._capabilities["model"]
        return [{"model": model["name"], "sha256": sha256} for sha256 in model["sha256"]]

    def plan(
        self,
        inputs: Sequence[Path],
        output: Path,
        options: SegmentOptions,
        also: Path | None,
        report: Path | None,
    ) -> list[Job]:
        """Pair every volume with its outputs, see :func:`amcnet.workflows.plan_files`.

        Raises:
            ConfigError: If an option is given that only the server can choose.
        """
        default = SegmentOptions()
        for option, name in _DECIDED_THERE.items():
            if getattr(options, name) != getattr(default, name):
                raise ConfigError(f"{option}: is decided by the server, expected a call without it")
        table = LabelTable.from_dicts(self._capabilities["labels"])
        channels = int(self._capabilities["channels"])
        return plan_for_model(inputs, output, options, (channels, table), also, report)
