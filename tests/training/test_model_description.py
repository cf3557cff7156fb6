import subprocess
from pathlib import Path

from amcnet.training.model_description import code_commit


def test_the_commit_is_that_of_the_code_and_of_no_repository_around_it(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        user = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        command = ["git", "-C", str(tmp_path), *user, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    git("init")
    git("commit", "--allow-empty", "-m", "first")
    assert git("rev-parse", "HEAD").startswith(code_commit(tmp_path))
    installed = tmp_path / ".venv" / "lib" / "python3"
    installed.mkdir(parents=True)
    assert code_commit(installed) == "unknown"
