#!/usr/bin/env python3
"""Times the studio against what a person would use instead, side by side in one run.

Prints one table: job, ours, peer or floor, ratio, target. Every pair is run in turn
(ours, theirs, ours, theirs, ...), medians are compared, nothing is asserted.
Usage: bench/run.py [--rounds N] [--only JOB[,JOB]] [--studio PATH]
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DATA = "/usr/share/doc/opencv-doc/examples/data"


def timed(command, cwd, unseen=False):
    """Wall seconds, CPU seconds and peak MiB of a command and its children; its exit code.

    unseen: with an empty cache, as when the clip has never been looked at."""
    environment = dict(os.environ)
    if unseen:
        environment["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="cache-", dir=cwd)
    start = time.perf_counter()
    with open(os.path.join(cwd, "last.log"), "wb") as log:
        child = subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 env=environment)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    return {
        "wall": time.perf_counter() - start,
        "cpu": usage.ru_utime + usage.ru_stime,
        "mib": usage.ru_maxrss / 1024,
        "code": child.returncode,
    }


def median(runs, key):
    return statistics.median(run[key] for run in runs)


class Bench:
    def __init__(self, studio, rounds, folder):
        self.studio, self.rounds, self.folder = studio, rounds, folder
        self.rows = []
        self.notes = []  # lines that follow the table
        self.failed = 0

    def path(self, name):
        return os.path.join(self.folder, name)

    def pair(self, job, ours, theirs, target, peer, accept=(0,), unseen=False):
        """Runs both in turn and adds a row; a command that fails makes the row say so."""
        mine, other = [], []
        for _ in range(self.rounds):
            for command, runs in ((ours, mine), (theirs, other)):
                run = timed(command, self.folder, unseen)
                if run["code"] not in accept:
                    with open(self.path("last.log"), errors="replace") as log:
                        print(f"  {job}: exit {run['code']}: {' '.join(command)}\n{log.read()[-600:]}", file=sys.stderr)
                    self.rows.append((job, "failed", peer, "-", target))
                    self.failed += 1
                    return None
                runs.append(run)
        a, b = median(mine, "wall"), median(other, "wall")
        self.rows.append((job, f"{a:.3f} s ({median(mine, 'mib'):.0f} MiB)", f"{peer}: {b:.3f} s", f"{a / b:.2f}x", target))
        return a, b

    def print(self):
        head = ("job", "ours", "peer or floor", "ours/theirs", "target")
        widths = [max(len(str(row[i])) for row in [head, *self.rows]) for i in range(5)]
        print()
        for row in [head, tuple("-" * w for w in widths), *self.rows]:
            print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip())
        for note in self.notes:
            print(note)


def make_clips(bench):
    """A minute and an hour of 720p H.264 with sound, from Debian's own clips."""
    minute = bench.path("minute.mp4")
    quiet = ["ffmpeg", "-v", "error", "-nostdin", "-y"]
    subprocess.run(
        quiet
        + ["-stream_loop", "-1", "-i", f"{DATA}/Megamind.avi", "-stream_loop", "-1", "-i", f"{DATA}/vtest.avi"]
        + ["-f", "lavfi", "-i", "sine=f=330:r=48000:d=60,volume=0.2"]
        + ["-filter_complex",
           "[0:v]fps=30,scale=1280:720,setsar=1,trim=duration=30,setpts=PTS-STARTPTS[a];"
           "[1:v]fps=30,scale=1280:720,setsar=1,trim=duration=30,setpts=PTS-STARTPTS[b];[a][b]concat[v]"]
        + ["-map", "[v]", "-map", "2:a", "-c:v", "libx264", "-preset", "medium", "-g", "30", "-c:a", "aac", "-t", "60", minute],
        check=True)
    return minute


def concat_list(bench, name, clip, times):
    with open(bench.path(name), "w") as out:
        out.writelines(f"file '{clip}'\n" for _ in range(times))
    return bench.path(name)


def decision(number, kind, params):
    return {"id": f"d{number}", "type": kind, "params": params, "reason": "benchmark", "confidence": 1,
            "evidence": [], "locked": True}


def write_plan(bench, name, clip, decisions, brief=None):
    plan = {"schema": "studio.plan/1", "goal": "benchmark", "origin": "person", "seed": 1,
            "sources": [{"id": "s1", "path": clip}], "brief": brief or {}, "decisions": decisions, "repairs": []}
    with open(bench.path(name), "w") as out:
        json.dump(plan, out)
    return bench.path(name)


def job_start(bench, _):
    bench.pair("start-up: studio --help", [bench.studio, "--help"], ["ffmpeg", "-version"], "<= 1.0x", "ffmpeg -version")


def job_analyze(bench, minute):
    bench.pair("analyze a minute of 720p", [bench.studio, "analyze", minute, "--no-cache", "--quiet"],
               ["ffmpeg", "-v", "error", "-nostdin", "-i", minute, "-map", "0:v", "-f", "null", "-"],
               "<= 1.6x, < 300 MiB", "ffmpeg decode only")


def job_render(bench, minute):
    cuts = [decision(1, "cut", {"source": "s1", "start_s": 2, "end_s": 12}),
            decision(2, "cut", {"source": "s1", "start_s": 18, "end_s": 28}),
            decision(3, "cut", {"source": "s1", "start_s": 40, "end_s": 50}),
            decision(4, "speed", {"target": "d2", "factor": 2}),
            decision(5, "text_overlay", {"text": "A title", "kind": "title", "at_s": 1, "duration_s": 3})]
    plan = write_plan(bench, "reference.json", minute, cuts)
    font = subprocess.run(["fc-match", "-f", "%{file}", "DejaVu Sans"], capture_output=True, text=True).stdout
    graph = ("[0:v]trim=2:12,setpts=PTS-STARTPTS[v1];[0:a]atrim=2:12,asetpts=PTS-STARTPTS[a1];"
             "[1:v]trim=18:28,setpts=(PTS-STARTPTS)/2,fps=30[v2];[1:a]atrim=18:28,asetpts=PTS-STARTPTS,atempo=2[a2];"
             "[2:v]trim=40:50,setpts=PTS-STARTPTS[v3];[2:a]atrim=40:50,asetpts=PTS-STARTPTS[a3];"
             "[v1][a1][v2][a2][v3][a3]concat=n=3:v=1:a=1[v][a];"
             f"[v]drawtext=fontfile={font}:text=A title:fontsize=64:fontcolor=white:x=(w-tw)/2:y=(h-th)/2:enable='between(t,1,4)'[o]")
    ffmpeg = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", minute, "-i", minute, "-i", minute, "-filter_complex", graph,
              "-map", "[o]", "-map", "[a]", "-c:v", "libx264", "-preset", "medium", "-crf", "20", "-c:a", "aac", "hand.mp4"]
    bench.pair("render the reference job", [bench.studio, "render", plan, "-o", "ours.mp4", "--quality", "standard", "--quiet"],
               ffmpeg, "<= 1.1x", "hand-written ffmpeg, same encoder settings")
    python = bench_python("moviepy")
    if python is None:
        bench.rows.append(("render, draft", "skipped", "MoviePy is not installed (make bench installs it)", "-", "<= 0.2x"))
        return
    bench.pair("render, draft", [bench.studio, "render", plan, "-o", "draft.mp4", "--quality", "draft", "--quiet"],
               [python, os.path.join(ROOT, "bench", "moviepy_reference.py"), minute, "moviepy.mp4"], "<= 0.2x", "MoviePy, its default")


def job_smart_cut(bench, minute):
    long = bench.path("long.mp4")
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "concat", "-safe", "0", "-i",
                    concat_list(bench, "long.txt", minute, 10), "-c", "copy", long], check=True)
    cuts = [decision(i + 1, "cut", {"source": "s1", "start_s": 5.2 + 180 * i, "end_s": 65.7 + 180 * i}) for i in range(3)]
    plan = write_plan(bench, "smart.json", long, cuts)
    bench.pair("join three pieces of a minute", [bench.studio, "render", plan, "-o", "smart.mp4", "--quiet"],
               [bench.studio, "render", plan, "-o", "encoded.mp4", "--no-smart-cut", "--quiet"], "<= 0.05x", "encoding them again", unseen=True)


def job_auto_edit(bench, minute):
    clip = bench.path("half.mp4")
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", minute, "-t", "30", "-c", "copy", clip], check=True)
    run = timed([bench.studio, "auto-edit", clip, "--goal", "funny 15 s highlight reel", "-o", "auto.mp4", "--quality", "draft",
                 "--max-iterations", "1", "--quiet"], bench.folder)
    ok = run["code"] in (0, 4)
    bench.failed += not ok
    bench.rows.append(("auto-edit of 30 s, one iteration", f"{run['wall']:.1f} s" if ok else f"failed ({run['code']})",
                       "-", "-", "< 45 s"))


def job_shots(bench, _):
    """F1 on held-out clips whose shot changes are known, beside PySceneDetect (and TransNetV2 where it is)."""
    python = bench_python("cv2")
    if python is None:
        bench.rows.append(("shots, F1", "skipped", "OpenCV for Python is not installed (make bench installs it)", "-", ">= 0.90"))
        return
    clips = bench.path("shots")
    os.mkdir(clips)
    scripts = os.path.join(ROOT, "bench", "shots")
    subprocess.run([python, os.path.join(scripts, "generate.py"), clips, "--split", "held-out", "--clips", "6"],
                   check=True, stdout=subprocess.DEVNULL)
    program = os.path.join(os.path.dirname(bench.studio), "shot_bench")
    score = subprocess.run([python, os.path.join(scripts, "score.py"), clips, "--peers", "--program", program],
                           capture_output=True, text=True)
    bench.failed += score.returncode != 0
    bench.notes += ["", "shots, on 6 held-out clips (target: F1 >= 0.90):", score.stdout.rstrip() or score.stderr.rstrip()]


def job_tools(bench, _):
    """Function calling on the small models: the engine's own parser beside our schemas."""
    script = os.path.join(ROOT, "bench", "tools", "measure.py")
    measured = subprocess.run([sys.executable, script, "--studio", bench.studio], capture_output=True, text=True)
    bench.failed += measured.returncode != 0
    bench.notes += ["", "tools, right answers; held_out.json are cases that nothing was tuned on:", measured.stdout.rstrip() or measured.stderr.rstrip()]


def job_switch(bench, _):
    """Request to first token when another model is loaded, beside the engine started by hand."""
    program = os.path.join(os.path.dirname(bench.studio), "switch_bench")
    run = subprocess.run([program, str(bench.rounds)], capture_output=True, text=True)
    if run.returncode != 0:
        bench.rows.append(("switch", "failed", run.stderr.strip().split("\n")[0], "-", "<= 1.3x"))
        bench.failed += 1
        return
    for model, times in json.loads(run.stdout)["towards"].items():
        hand = times["by_hand_s"]
        limit = "<= 1.3x, < 3 s" if model.endswith("0.5b") else "<= 1.3x"
        for how, key in (("room for one", "by_lease_s"), ("room for both", "by_switch_s")):
            bench.rows.append((f"switch to {model}, {how}", f"{times[key]:.2f} s to the first token",
                               f"engine by hand: {hand:.2f} s", f"{times[key] / hand:.2f}x", limit))
        bench.notes.append(f"switch to {model}, parts: " + ", ".join(f"{name} {s:.3f} s" for name, s in times["parts"].items()))


def job_gateway(bench, _):
    """The gateway beside the engine asked directly, nginx and LiteLLM, in rounds of one run."""
    script = os.path.join(ROOT, "bench", "gateway", "run.py")
    build = os.path.dirname(os.path.dirname(bench.studio))
    measured = subprocess.run([sys.executable, script, "--rounds", str(bench.rounds), "--build", build], capture_output=True, text=True)
    bench.failed += measured.returncode != 0
    bench.notes += ["", "gateway, 2 transports, one mock engine:", measured.stdout.rstrip() or measured.stderr.rstrip()]


def bench_python(module):
    """The Python of the benchmark environment (make bench makes it), when `module` is in it."""
    python = os.environ.get("STUDIO_BENCH_PYTHON", "")
    if not os.path.exists(python):
        return None
    return python if subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode == 0 else None


JOBS = {"start": job_start, "analyze": job_analyze, "render": job_render, "smart": job_smart_cut, "auto": job_auto_edit,
        "shots": job_shots, "tools": job_tools, "gateway": job_gateway, "switch": job_switch}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(JOBS))
    parser.add_argument("--studio", default=os.path.join(ROOT, "build", "release", "bin", "studio"))
    options = parser.parse_args()
    options.studio = os.path.abspath(options.studio)
    wanted = options.only.split(",")
    unknown = [job for job in wanted if job not in JOBS]
    if unknown:
        parser.error(f"unknown job {', '.join(unknown)}; known: {', '.join(JOBS)}")
    folder = tempfile.mkdtemp(prefix="studio-bench-")
    try:
        bench = Bench(options.studio, options.rounds, folder)
        print("making clips ...", file=sys.stderr)
        minute = make_clips(bench)
        for job in wanted:
            print(f"{job} ...", file=sys.stderr)
            JOBS[job](bench, minute)
        bench.print()
        return 1 if bench.failed else 0
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
