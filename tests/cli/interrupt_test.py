#!/usr/bin/env python3
# Ctrl-C at random moments: the right exit code, no half file, no child left behind.
"""interrupt_test.py BUILD/bin/studio"""
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid

PROGRAM = pathlib.Path(sys.argv[1]).resolve()
LONGEST_STOP_S = 60  # generous: sanitizers and busy machines; a hang is what is looked for
ROUNDS = 4


def processes_marked(mark):
    found = []
    for folder in pathlib.Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.append((int(folder.name), (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()))
        except OSError:
            pass
    return found


def probe_frames(path):
    out = subprocess.run(["ffprobe", "-v", "error", "-count_packets", "-select_streams", "v", "-show_entries",
                          "stream=nb_read_packets", "-of", "csv=p=0", str(path)], capture_output=True, text=True)
    return int(out.stdout.strip() or 0) if out.returncode == 0 else 0


def half_files(path):
    """What in a file or folder is not whole: iterations that were finished may stay, half ones may not."""
    files = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
    bad = []
    for file in files:
        if file.suffix == ".json":
            try:
                json.loads(file.read_text())
            except ValueError:
                bad.append(file.name)
        elif file.suffix in (".mp4", ".jpg", ".png") and probe_frames(file) == 0 or file.name.startswith("."):
            bad.append(file.name)
    return bad


def interrupt(arguments, outputs, folder, delay):
    """What is wrong after the command was interrupted, or nothing."""
    mark = uuid.uuid4().hex
    env = os.environ | {"STUDIO_TEST_MARK": mark, "HOME": str(folder / "home"), "XDG_CACHE_HOME": str(folder / "cache")}
    before = {p.name for p in (folder / "out").iterdir()}
    child = subprocess.Popen([str(PROGRAM), *arguments], cwd=folder, env=env, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    time.sleep(delay)
    finished_before = child.poll() is not None
    if not finished_before:
        child.send_signal(signal.SIGINT)
    try:
        _, err = child.communicate(timeout=LONGEST_STOP_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return f"it did not stop within {LONGEST_STOP_S} s"
    told = err.decode(errors="replace")[-500:]
    # -2: the signal came before main() could ask for it; a shell tells that as 130 too.
    allowed = {0, 4, 130, -signal.SIGINT}
    if child.returncode not in allowed:
        return f"exit code {child.returncode}: {told}"
    time.sleep(0.2)
    if left := processes_marked(mark):
        return f"left running: {left}"
    after = {p.name for p in (folder / "out").iterdir()}
    interrupted = child.returncode in (130, -signal.SIGINT)
    if interrupted:
        for name in sorted(after - before):
            path = folder / "out" / name
            # --json is written on every exit, then with the error; OUT.studio/ holds the finished iterations,
            # keys/ the pictures that were done.
            told_why = path.suffix == ".json" and json.loads(path.read_text()).get("error", {}).get("kind") == "interrupted"
            if not told_why and path.suffix != ".studio" and not path.is_dir():
                return f"left behind: {name}"
            if bad := half_files(path):
                return f"half files in {name}: {bad}"
            subprocess.run(["rm", "-rf", str(path)], check=True)
    else:
        for output in outputs:
            if not (folder / output).exists():
                return f"it ended with {child.returncode} and {output} is not there"
            if output.endswith(".mp4") and probe_frames(folder / output) == 0:
                return f"{output} cannot be read"
            (folder / output).unlink()
        for name in {p.name for p in (folder / "out").iterdir()} - before:
            path = folder / "out" / name
            subprocess.run(["rm", "-rf", str(path)], check=True)
    return ""


def main():
    random.seed(4)
    failures = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "out").mkdir()
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=960x540:rate=25:duration=20",
                        "-f", "lavfi", "-i", "sine=duration=20", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt",
                        "yuv420p", "-c:a", "aac", str(folder / "in.mp4")], check=True)
        jobs = [
            (["analyze", "in.mp4", "--no-cache", "--html", "out/report.html", "--keyframes", "out/keys", "--json",
              "out/analysis.json", "-q"], ["out/analysis.json"]),
            (["auto-edit", "in.mp4", "--goal", "a 6 s cut of 3 clips, title \"HI\"", "--planner", "rules", "-o",
              "out/film.mp4", "--max-iterations", "1", "-q"], ["out/film.mp4"]),
            (["parody", "in.mp4", "--style", "chaotic", "--duration", "5", "--planner", "rules", "-o", "out/parody.mp4",
              "--max-iterations", "1", "-q"], ["out/parody.mp4"]),
        ]
        for round_number in range(ROUNDS):
            for arguments, outputs in jobs:
                delay = random.uniform(0.02, 0.5 + 2.5 * round_number / ROUNDS)
                if problem := interrupt(arguments, outputs, folder, delay):
                    failures += 1
                    print(f"studio {' '.join(arguments)}\n  interrupted after {delay:.2f} s: {problem}")
    print(f"{ROUNDS * len(jobs) - failures} of {ROUNDS * len(jobs)} interruptions left nothing behind")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
