#!/usr/bin/env python3
# Makes the Python environment that tests or benchmarks compare with, from a hashed list.
"""environment.py tests|bench|transnet [--dry-run]

Installs requirements-<name>.txt (every archive pinned by SHA-256) into
${XDG_CACHE_HOME:-~/.cache}/animation-studio/python/<name>, unless that was done already.
The studio itself never runs Python.
"""
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def say(text):
    print(f"setup: {text}", flush=True)


def main():
    name = sys.argv[1]
    base = os.environ.get("XDG_CACHE_HOME", "")
    cache = (Path(base) if base.startswith("/") else Path.home() / ".cache") / "animation-studio"
    requirements = HERE / f"requirements-{name}.txt"
    place = cache / "python" / name
    # Made anew when the list or the interpreter changes.
    stamp = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    if (place / "made").is_file() and (place / "made").read_text() == stamp:
        say(f"Python packages for {name}: there")
        return 0
    lines = [line.split(" ")[0] for line in requirements.read_text().splitlines() if "==" in line]
    say(f"Python packages for {name} ({'3 GB' if name == 'transnet' else 'a minute'}): {' '.join(lines)}")
    if "--dry-run" in sys.argv:
        return 0
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    steps = [[sys.executable, "-m", "venv", str(place)],
             [str(place / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
              "--require-hashes", "--only-binary", ":all:", "-r", str(requirements)]]
    for step in steps:
        run = subprocess.run(step, stdin=subprocess.DEVNULL)
        if run.returncode != 0:
            print(f"setup: error: {' '.join(step[:4])} failed\nsetup: check the network, then run it again", file=sys.stderr)
            return 1
    (place / "made").write_text(stamp)
    say(f"Python packages for {name}: installed in {place}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
