#!/usr/bin/env python3
# What each command writes for --json follows its file of schemas/: real runs, also failing ones.
"""schemas_test.py BUILD/bin/studio"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from json_schema import SCHEMAS, faults_by_file

STUDIO = os.path.abspath(sys.argv.pop(1))
COMMANDS = pathlib.Path(__file__).resolve().parents[2] / "apps/studio"


class Schemas(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("STUDIO_", "XDG_")) and "proxy" not in k.lower()}
        self.environment["HOME"] = folder.name
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=192x108:d=2:r=25", "-f", "lavfi", "-i", "sine=d=2",
                        "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "clip.mp4"], cwd=self.folder, check=True)

    def studio(self, command, **more):
        return subprocess.run([STUDIO, *command.split()], cwd=self.folder, env=self.environment | more, capture_output=True,
                              text=True, timeout=300)

    def follows(self, schema, command, code=0, **more):
        done = self.studio(f"{command} --json -", **more)
        self.assertEqual(done.returncode, code, f"{command}: {done.stderr}")
        self.assertEqual(faults_by_file(done.stdout, schema), [], command)
        return json.loads(done.stdout)

    def test_films(self):
        self.follows("analysis", "analyze clip.mp4 -q")
        self.follows("plan", "plan clip.mp4 --goal 1s --planner rules -o plan.json -q")
        self.follows("timeline", "render plan.json -q --otio film.otio")
        self.follows("render", "render plan.json -q --quality draft -o film.mp4")
        self.follows("render", "render plan.json -q --quality draft --no-smart-cut -o again.mp4")
        self.follows("evaluation", "evaluate film.mp4 --plan plan.json -q -o evaluation.json")
        self.follows("plan", "improve plan.json evaluation.json --planner rules --note slower -o plan2.json -q")
        run = "--planner rules --quality draft --max-iterations 1 --quality-threshold 0 -q"
        self.follows("run", f"auto-edit clip.mp4 --goal 1s -o edit.mp4 {run}")
        self.follows("run", f"parody clip.mp4 --style dramatic -o parody.mp4 {run}")

    def test_catalogs(self):
        everything = self.follows("list", "list")
        for topic in everything.keys() - {"schema"}:
            self.assertEqual(self.follows("list", f"list {topic}").keys(), {"schema", topic})
        subprocess.run([sys.executable, pathlib.Path(__file__).with_name("tiny_gguf.py"), self.folder / "tiny.gguf"], check=True)
        self.follows("models", "models list")
        for command in ("import tiny.gguf --id tiny", "show tiny", "verify tiny", "path tiny", "show qwen2.5-coder-0.5b"):
            self.follows("model", f"models {command}")
        self.follows("models", "models verify")
        self.follows("model", "models rm tiny")

    def test_looking_after_a_server(self):
        self.follows("stop", "stop")
        self.follows("logs", "logs")
        self.follows("serve", "serve -d --port 0")
        try:
            self.follows("health", "health")
            self.follows("status", "status")
            self.follows("leases", "leases list")
            self.follows("error", "leases release nothing", code=1)
            self.assertIn("listen", self.follows("logs", "logs server")["text"].lower())
            made = self.follows("key", "keys add boss --scope admin")
            self.follows("keys", "keys list", STUDIO_API_KEY=made["secret"])
            self.follows("keys", f"keys revoke {made['id']}", STUDIO_API_KEY=made["secret"])
        finally:
            self.follows("stop", "stop")

    def test_failures(self):
        for command, code in (("analyze none.mp4", 1), ("render none.json -o x.mp4", 1), ("models show none", 1), ("status", 1),
                              ("plan clip.mp4 --goal 1s --planner model -o p.json -q", 3)):
            self.follows("error", command, code=code)

    def test_each_form_has_its_file(self):
        written = {name for file in COMMANDS.glob("*.cpp") for name in re.findall(r'"studio\.(\w+)/\d+"', file.read_text())}
        self.assertGreater(len(written), 10)
        self.assertEqual({name for name in written if not (SCHEMAS / f"{name}.schema.json").exists()}, set())


if __name__ == "__main__":
    unittest.main()
