"""What a batch script says of its own job: the lines that sbatch(1) reads, and nothing behind the first command."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from itertools import zip_longest

SHORT = {"-J": "--job-name", "-D": "--chdir"}


def own_option(script: bytes, option: str) -> str | None:
    """The value that the script's last `#SBATCH` line for `--option` gives; None where it gives none."""
    wanted, found = f"--{option}", None
    words = list(_words(script))
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        name, has_value, value = word.partition("=")
        if name == wanted:
            found = value if has_value else following
        elif SHORT.get(word[:2]) == wanted and not word.startswith("--"):
            found = word[2:].removeprefix("=") or following
    return found


def _words(script: bytes) -> Iterator[str]:
    """The words of all `#SBATCH` lines; sbatch stops at the first line that is neither empty nor a comment."""
    for line in script.decode("utf-8", "replace").splitlines():
        if line.startswith("#SBATCH"):
            try:
                yield from shlex.split(line.removeprefix("#SBATCH"), comments=True)
            except ValueError:
                continue  # a quotation that does not end: sbatch will say so in its own words
        elif line.strip() and not line.startswith("#"):
            return
