#!/usr/bin/env python3
# Runs the official OpenAI clients (Python and npm) against `studio serve` with the small models.
"""run.py [--studio PROGRAM] [--url URL [--model NAME] [--embedder NAME]] [--only python|npm] [PATTERN]

Without --url two servers are started: one on the small models of this machine, and one that asks for keys and
passes on to the first. With --url the clients talk to what runs there. PATTERN chooses tests by a part of their
name. Needs setup/environment.py tests and, for npm, setup/npm.sh; says by name what is missing.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
KEY = "sk-conformance-0123456789abcdef"


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "animation-studio"


def say(text):
    print(f"conformance: {text}", flush=True)


class Server:
    """`studio serve` with a configuration of its own, ended with this value."""

    def __init__(self, program, folder, name, config):
        self.log = folder / f"{name}.log"
        file = folder / f"{name}.yaml"
        file.write_text(config)
        env = {**os.environ, "STUDIO_CONFORMANCE_SECRET": KEY, "STUDIO_SERVER": "off"}
        self.process = subprocess.Popen([program, "serve", "--port", "0", "--config", str(file)], env=env,
                                        stdin=subprocess.DEVNULL, stdout=self.log.open("w"), stderr=subprocess.STDOUT)
        self.url = self.wait()

    def wait(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = re.search(r"http://(?:127\.0\.0\.1|localhost):\d+", self.log.read_text())
            if found:
                return found.group(0)
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise SystemExit(f"conformance: the server did not start:\n{self.log.read_text()[-2000:]}")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_servers(program, folder):
    first = Server(program, folder, "server", f"""
keys: {{file: {folder}/keys.db, required: never}}
cache: {{file: {folder}/responses.db}}
models: {{slots: 2, context: 8192}}
""")
    guarded = Server(program, folder, "guarded", f"""
keys: {{file: {folder}/guarded-keys.db, required: always, env: [STUDIO_CONFORMANCE_SECRET], requests_per_minute: 20}}
cache: {{store: memory}}
engines: [{{name: first, url: "{first.url}/v1", models: [passed-on]}}]
""")
    return first, guarded


def model_like(url, part):
    """The first model of the list with this in its name: the small ones that setup brings."""
    with urllib.request.urlopen(f"{url}/v1/models", timeout=60) as answer:
        listed = re.findall(r'"id":\s*"([^"]+)"', answer.read().decode())
    return next((name for name in listed if part in name.lower()), "")


def run_python(env, pattern):
    python = cache_folder() / "python/tests/bin/python"
    if not python.exists():
        say("the Python client is missing: run setup/environment.py tests")
        return None
    command = [str(python), "-m", "unittest", "discover", "-s", str(HERE), "-p", "*_test.py", "-v"]
    command += ["-k", pattern] if pattern else []
    return subprocess.run(command, env={**env, "PYTHONDONTWRITEBYTECODE": "1"}).returncode == 0


def run_npm(env, pattern):
    place = cache_folder() / "npm/tests"
    node = shutil.which("node")
    if not node or not (place / "node_modules/openai").is_dir():
        say("the npm client is missing: run setup/npm.sh" if node else "node is missing: install nodejs and npm")
        return None
    # Modules are looked for beside the file that asks for them.
    shutil.copy(HERE / "client.test.mjs", place / "client.test.mjs")
    command = [node, "--test"] + ([f"--test-name-pattern={pattern}"] if pattern else []) + ["client.test.mjs"]
    return subprocess.run(command, cwd=place, env=env).returncode == 0


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--studio", default=os.environ.get("STUDIO_PROGRAM", str(ROOT / "build/release/bin/studio")))
    parser.add_argument("--url", default="")
    parser.add_argument("--model", default="auto")
    parser.add_argument("--embedder", default="")
    parser.add_argument("--only", choices=["python", "npm"])
    parser.add_argument("pattern", nargs="?", default="")
    options = parser.parse_args()
    results, servers = {}, []
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        env = {**os.environ, "STUDIO_CONFORMANCE_URL": options.url, "STUDIO_CONFORMANCE_MODEL": options.model,
               "STUDIO_CONFORMANCE_EMBEDDER": options.embedder, "NO_PROXY": "*", "no_proxy": "*"}
        try:
            if not options.url:
                servers = start_servers(options.studio, Path(folder))
                env["STUDIO_CONFORMANCE_URL"] = servers[0].url
                env["STUDIO_CONFORMANCE_GUARDED_URL"] = servers[1].url
                env["STUDIO_CONFORMANCE_KEY"] = KEY
                env["STUDIO_CONFORMANCE_EMBEDDER"] = options.embedder or model_like(servers[0].url, "minilm")
                env["STUDIO_CONFORMANCE_TEXT_MODEL"] = model_like(servers[0].url, "coder-0.5b")
            if options.only != "npm":
                results["python"] = run_python(env, options.pattern)
            if options.only != "python":
                results["npm"] = run_npm(env, options.pattern)
        finally:
            for server in servers:
                server.stop()
            if False in results.values():
                for server in servers:
                    say(f"the end of {server.log.name}:\n{server.log.read_text()[-3000:]}")
    # Not run is not passed: the exit code says so.
    for name, passed in results.items():
        say(f"{name}: {'passed' if passed else 'FAILED' if passed is False else 'NOT RUN'}")
    print(f"{sum(1 for r in results.values() if r)} passed, {sum(1 for r in results.values() if not r)} failed")
    return 0 if all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
