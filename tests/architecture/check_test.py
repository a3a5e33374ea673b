#!/usr/bin/env python3
# The architecture check can fail: each rule is broken once in a small tree, and must be named.
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
HOST = ".".join(["pypi", "org"])

BROKEN = {
    "arrow": ("src/base/a.cpp", '// Breaks the arrow.\n#include "media/probe.h"\n'),
    "engine": ("src/media/a.cpp", "// Breaks the engine rule.\n#include <libavcodec/avcodec.h>\n"),
    "public": ("src/media/a.h", "// Breaks the public rule.\n#include <libavcodec/avcodec.h>\n"),
    "private": ("src/render/a.cpp", '// Breaks the private rule.\n#include "media/backends/x.h"\n'),
    "purpose": ("src/base/a.cpp", "#include <vector>\n"),
    "long": ("src/base/a.cpp", "// A long file for a test.\n" + "int x;\n" * 700),
    "word": ("README.md", f"see https://{HOST}/x\n"),
    "call": ("src/base/a.cpp", "// Ends the program itself.\nvoid f() { std::exit(1); }\n"),
    "levels": ("src/attic/a.cpp", "// A room without a level.\n"),
    "excuse": ("tests/architecture/exceptions.txt", "# x\nlong src/base/gone.cpp\n"),
}
FINE = {
    "src/media/backends/a.cpp": "// Adapts FFmpeg for the room.\n#include <libavcodec/avcodec.h>\n",
    "src/media/a.cpp": '// Uses lower rooms only.\n#include "base/time.h"\n#include "media/probe.h"\n',
    "apps/studio/a.cpp": '// The program, above all rooms.\n#include "studio/x.h"\n',
}


def run_on(extra):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "tests/architecture").mkdir(parents=True)
        for name in ("rooms.txt", "engines.txt"):
            shutil.copy(HERE / name, root / "tests/architecture" / name)
        (root / "tests/architecture/exceptions.txt").write_text("")
        (root / "tests/architecture/engines.txt").write_text((HERE / "engines.txt").read_text())
        table = "\n".join(f"| {row.split()[0]} | {row.split()[1]} | x |"
                          for row in (HERE / "rooms.txt").read_text().splitlines() if row and row[0] != "#")
        (root / "ARCHITECTURE.md").write_text(table + "\n")
        for name, text in extra.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return subprocess.run([sys.executable, HERE / "check.py", root], capture_output=True, text=True)


def main():
    failures = 0
    fine = run_on(FINE)
    if fine.returncode != 0:
        failures += 1
        print("a clean tree is called broken:\n" + fine.stdout)
    for rule, (name, text) in BROKEN.items():
        result = run_on(FINE | {name: text})
        if result.returncode != 1 or f"[{rule}]" not in result.stdout:
            failures += 1
            print(f"the rule '{rule}' was broken and not named:\n{result.stdout}{result.stderr}")
    print(f"{len(BROKEN) + 1 - failures} of {len(BROKEN) + 1} checks hold")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
