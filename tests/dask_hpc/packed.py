"""A packed environment, small enough to be made in a test: a true one, whose libraries of others are not copied."""

from __future__ import annotations

import shutil
import site
import subprocess
import sys
import tempfile
from pathlib import Path

import dask_hpc
import facility

_PASSING_BY = shutil.ignore_patterns("__pycache__")


def make_archive(place: Path, *, leave_out: str = "", further: dict[str, str] | None = None) -> Path:
    """Pack an environment that has beamside in itself, but not what is called `leave_out`.

    further : files of it by their path, with their text.
    """
    place.mkdir(exist_ok=True)
    own = Path(tempfile.mkdtemp(dir=place))  # a second try of a test finds that of the first
    own.chmod(0o755)
    tree, archive = own / "tree", own / "environment.tar.gz"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--symlinks", str(tree)], check=True)
    packages = next(tree.glob("lib/python3*/site-packages"))
    for package in (dask_hpc, facility):
        source = Path(str(package.__file__)).parent
        shutil.copytree(source, packages / source.name, ignore=_PASSING_BY)
    (packages / "of_others.pth").write_text("\n".join(site.getsitepackages()), encoding="utf-8")
    others = shutil.ignore_patterns("python*", "__pycache__")
    shutil.copytree(Path(sys.prefix, "lib"), tree / "lib", symlinks=True, ignore=others, dirs_exist_ok=True)  # MPI's
    for path, text in (further or {}).items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text, encoding="utf-8")
    for gone in tree.glob(leave_out) if leave_out else ():
        gone.unlink()
    subprocess.run(["tar", "-czf", str(archive), "-C", str(tree), "."], check=True)
    archive.chmod(0o644)
    return archive
