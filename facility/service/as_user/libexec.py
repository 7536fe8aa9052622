"""python -m facility.service.as_user.libexec FOLDER: put the root helper and its worker where sudo finds them.

As root. The folder, both programs and `as-user.json`, which the administrator writes beside them, belong to root; the
helper does nothing where anybody else could change one of them.
"""

from __future__ import annotations

import argparse
import compileall
import shutil
import sys
from pathlib import Path

from facility.service.as_user import helper as as_user_helper
from facility.service.as_user import worker as as_user_worker


def install(folder: Path) -> Path:
    """Copy helper and worker into `folder`, which is made where it is missing; the path of the helper comes back."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    folder.chmod(0o755)
    helper, worker = folder / "as-user", folder / as_user_helper.WORKER
    shutil.copyfile(as_user_helper.__file__, helper)
    helper.chmod(0o755)
    shutil.rmtree(worker, ignore_errors=True)
    worker.mkdir(mode=0o755)
    for module in sorted(Path(as_user_worker.__file__).parent.glob("*.py")):
        shutil.copyfile(module, worker / module.name)
        (worker / module.name).chmod(0o644)
    compileall.compile_dir(worker, quiet=1)  # people cannot write there, and would compile it at every start
    for place in worker.rglob("*"):
        place.chmod(0o755 if place.is_dir() else 0o644)
    return helper


def main() -> int:
    """Install, and say what comes next."""
    parser = argparse.ArgumentParser(prog="python -m facility.service.as_user.libexec", description=__doc__)
    parser.add_argument("folder", type=Path, help="e.g. /opt/beamside/libexec")
    helper = install(parser.parse_args().folder)
    sys.stdout.write(f"{helper} is installed; write {helper.with_name('as-user.json')}, then the sudo rule\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
