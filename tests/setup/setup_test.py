#!/usr/bin/env python3
# setup.sh on systems that are played: which packages it would install, and what it says on the way.
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SETUP = pathlib.Path(sys.argv.pop(1))

PACKAGES = """# Two alternatives, the newer first.
[base]
plain-dev         # always there
new-dev|old-dev   # whichever
[bench]
other             # of a group that nobody asked for
"""


class Setup(unittest.TestCase):
    def dry_run(self, installed, known):
        """What setup.sh --dry-run says where dpkg has `installed` and apt can get `known`."""
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "apt-packages.txt").write_text(PACKAGES)
            shutil.copy(SETUP / "setup.sh", folder)
            played = folder / "bin"
            played.mkdir()
            listing = "".join(f"installed {name}\\n" for name in installed) + "config-files plain-dev\\n"
            programs = {
                "dpkg-query": f"printf '{listing}'",
                # Of a package that only others mention, apt knows no version.
                "apt-cache": f'case " {" ".join(known)} " in *" $2 "*) v=1.0 ;; *) v="(none)" ;; esac\n'
                             'printf "%s:\\n  Installed: (none)\\n  Candidate: %s\\n" "$2" "$v"',
                "apt-get": "echo apt-get was called; exit 1"}
            for name, body in programs.items():
                (played / name).write_text(f"#!/bin/bash\n{body}\n")
                (played / name).chmod(0o755)
            done = subprocess.run(["bash", folder / "setup.sh", "--dry-run", "--no-models"], text=True, timeout=60,
                                  capture_output=True, env=os.environ | {"PATH": f"{played}:{os.environ['PATH']}"})
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout

    def test_the_first_alternative_that_apt_knows_is_installed(self):
        both = self.dry_run([], ["plain-dev", "old-dev", "new-dev"])
        self.assertIn("of new-dev, old-dev this system gets new-dev", both)
        self.assertIn("to install (one to five minutes): plain-dev new-dev\n", both)
        old = self.dry_run([], ["plain-dev", "old-dev"])
        self.assertIn("of new-dev, old-dev this system gets old-dev", old)
        self.assertIn("minutes): plain-dev old-dev\n", old)

    def test_one_installed_alternative_will_do(self):
        for there in ("old-dev", "new-dev"):
            self.assertIn("all there", self.dry_run(["plain-dev", there], ["plain-dev", "old-dev", "new-dev"]))
            self.assertIn("minutes): plain-dev\n", self.dry_run([there], ["plain-dev", "old-dev", "new-dev"]))

    def test_where_apt_knows_none_the_first_is_named(self):
        self.assertIn("minutes): plain-dev new-dev\n", self.dry_run([], []))

    def test_each_package_is_listed_once(self):
        names = [name for line in (SETUP / "apt-packages.txt").read_text().splitlines()
                 if (entry := line.split("#")[0].strip()) and not entry.startswith("[") for name in entry.split("|")]
        self.assertEqual(sorted(names), sorted(set(names)))


if __name__ == "__main__":
    unittest.main()
