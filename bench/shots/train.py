#!/usr/bin/env python3
"""Learns how the shot detector weighs its evidence, from clips whose changes are known.

  train.py FOLDER --generate --program build/release/bin/shot_bench -o src/analysis

makes the training clips in FOLDER (about an hour of CPU time; clips that are there already are kept), measures
them, prints the F1 of a four-fold cross-validation over clips, learns from all of them and writes
cut_model.cpp and blend_model.cpp: gradient-boosted trees of depth 3 over the evidence that shot_bench
--evidence prints. With scikit-learn 1.9.1 that gives the repository's blend_model.cpp; its cut_model.cpp was
learned earlier the same way, see there.
Needs numpy, opencv-python, scikit-learn and ffmpeg.
"""
import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the same sums in the same order everywhere

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

TOLERANCE = 2
# Script, its options, the clips it makes.
CLIPS = [("generate.py", [], 60), ("scenes.py", [], 29), ("scenes.py", ["--jumps"], 4)]
TREES = {"cut": 80, "blend": 100}
LEAST = {"cut": 5, "blend": 30}  # rows in a leaf: windows of one change overlap


def load(program, folder, features):
    clips = [json.loads(p.read_text()) for p in sorted(folder.glob("*.json"))]
    command = [program, "--features", str(features), "--evidence"] + [c["clip"] for c in clips]
    lines = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    for clip, line in zip(clips, lines):
        clip.update(json.loads(line))
    return clips


def generate(folder):
    """Makes the clips that are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for script, options, count in CLIPS:
        name = {"generate.py": "train", "scenes.py": "jumps-train" if options else "scenes-train"}[script]
        for i in range(count):
            if not (folder / f"{name}{i:02}.json").exists():
                subprocess.run([sys.executable, str(pathlib.Path(__file__).parent / script), str(folder), "--split", "train",
                                "--first", str(i), "--clips", "1", *options], check=True)


def inside(change, boundary):
    return change["first"] - TOLERANCE <= boundary <= change["last"] + 1 + TOLERANCE


def label_cut(clip, row):
    """1: that very cut; 0: no change here; -1: part of a longer transition, settled elsewhere."""
    for change in clip["transitions"]:
        if change["kind"] == "cut":
            if row[1] == change["first"]:
                return 1
            if abs(row[1] - change["first"]) <= 2:
                return -1
        elif change["first"] - 1 <= row[1] <= change["last"] + 1:
            return -1 if change["kind"] == "fade" else 0
    return 0


def label_blend(clip, row):
    before, after = row[0], row[1]
    touching = [c for c in clip["transitions"] if c["first"] <= after and c["last"] >= before]
    if not touching:
        return 0
    change = touching[0]
    if change["kind"] in ("cut", "fade"):
        return -1
    first, last = change["first"] - 1, change["last"] + 1
    overlap = (min(after, last) - max(before, first)) / (max(after, last) - min(before, first))
    if inside(change, (before + after + 1) // 2) and overlap >= 0.45:
        return 1
    return -1


class Bag:
    """Boosted models, each learned from two thirds of the rows, their log odds averaged: one alone is too sure."""

    def __init__(self, x, y, trees, groups, least=8, models=4):
        self.models = []
        names = np.unique(groups)
        for seed in range(models):
            left_out = np.random.default_rng(seed).permutation(names)[:len(names) // 3]
            use = ~np.isin(groups, left_out)
            model = HistGradientBoostingClassifier(
                max_iter=trees, max_depth=3, max_leaf_nodes=8, learning_rate=0.12, min_samples_leaf=least, max_features=0.5,
                l2_regularization=1.0, early_stopping=False, random_state=seed)
            self.models.append(model.fit(x[use], y[use]))

    def probability(self, x):
        return 1 / (1 + np.exp(-sum(m.decision_function(x) for m in self.models) / len(self.models)))


def learn(kind, x, y, groups):
    known = y >= 0
    return Bag(x[known], y[known], TREES[kind], groups[known], LEAST[kind])


def settle(blends, least):
    kept = []
    for p, a, b in sorted(blends, reverse=True):
        if p >= least and not any(a <= d + 2 and b >= c - 2 for _, c, d in kept):
            kept.append((p, a, b))
    return kept


def evaluate(clips, cuts, blends, least_cut, least_blend):
    """F1 over all kinds, as find_transitions would settle the candidates."""
    hit = false = missed = 0
    why = collections.Counter()
    for clip in clips:
        found = [((a + b + 1) // 2, a - 1, b + 1) for a, b in clip["fades"]]
        for p, row in cuts[clip["clip"]]:
            if p >= least_cut and not any(a - 1 <= row[1] <= b + 1 for a, b in clip["fades"] + clip["edges"]):
                found.append((row[1], row[0], row[1]))
        settled = [(a, b) for _, a, b in found] + [tuple(edge) for edge in clip["edges"]]
        free = [(p, r[0], r[1]) for p, r in blends[clip["clip"]] if not any(a < r[1] and b > r[0] for a, b in settled)]
        found += [((a + b + 1) // 2, a, b) for _, a, b in settle(free, least_blend)]
        boundaries = [f[0] for f in found]
        for change in clip["transitions"]:
            match = [b for b in boundaries if inside(change, b)]
            if match:
                hit += 1
                boundaries.remove(match[0])
            else:
                missed += 1
                why["missed " + change["kind"]] += 1
        false += len(boundaries)
        for b in boundaries:
            near = [d["kind"] for d in clip["disturbances"] if d["first"] - 4 <= b <= d["last"] + 5]
            why["false " + (near or ["plain"])[0]] += 1
    return 2 * hit / (2 * hit + false + missed), hit, false, missed, dict(why)


def tables(name, bag):
    weight = 1 / len(bag.models)
    prior = weight * sum(float(m._baseline_prediction.ravel()[0]) for m in bag.models)
    rows = []
    for stage in (stage for m in bag.models for (stage,) in m._predictors):
        nodes = stage.nodes
        feature, threshold, value = [0] * 7, [0.0] * 7, [0.0] * 8

        def walk(node, place, depth):
            if depth == 3:
                value[place - 7] = float(nodes[node]["value"]) * weight
                return
            if nodes[node]["is_leaf"]:  # a leaf above the bottom: both sides lead to it
                feature[place], threshold[place] = 0, 3e38
                walk(node, 2 * place + 1, depth + 1)
                walk(node, 2 * place + 2, depth + 1)
                return
            feature[place], threshold[place] = int(nodes[node]["feature_idx"]), float(nodes[node]["num_threshold"])
            walk(nodes[node]["left"], 2 * place + 1, depth + 1)
            walk(nodes[node]["right"], 2 * place + 2, depth + 1)

        walk(0, 0, 0)
        number = lambda v: f"{v:.6g}f" if "." in f"{v:.6g}" or "e" in f"{v:.6g}" else f"{v:.6g}.0f"
        rows.append("    {{" + ", ".join(map(str, feature)) + "}, {" + ", ".join(map(number, threshold)) + "}, {" +
                    ", ".join(map(number, value)) + "}},")
    return (f"constexpr double k{name}Prior = {prior:.6f};\nconstexpr std::array<BoostedTree, {len(rows)}> k{name}Trees{{{{\n" +
            "\n".join(rows) + "\n}};\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--program", default="build/release/bin/shot_bench")
    parser.add_argument("--generate", action="store_true", help="make the training clips first")
    parser.add_argument("--features", type=pathlib.Path, help="where measured features are kept (FOLDER/features)")
    parser.add_argument("-o", "--output", type=pathlib.Path, help="folder of cut_model.cpp and blend_model.cpp")
    parser.add_argument("--quick", action="store_true", help="no cross-validation")
    arguments = parser.parse_args()
    if arguments.generate:
        generate(arguments.folder)
    arguments.features = arguments.features or arguments.folder / "features"
    arguments.features.mkdir(parents=True, exist_ok=True)
    clips = load(arguments.program, arguments.folder, arguments.features)
    fold_of = {clip["clip"]: i % 4 for i, clip in enumerate(clips)}
    data = {}
    for kind, label in [("cut", label_cut), ("blend", label_blend)]:
        rows = [(clip["clip"], row, label(clip, row)) for clip in clips for row in clip[kind + "_rows"]]
        x = np.array([r[1][2:] for r in rows], np.float32)
        y = np.array([r[2] for r in rows])
        folds = np.array([fold_of[r[0]] for r in rows])
        groups = np.array([r[0] for r in rows])
        data[kind] = (rows, x, y, folds, groups)
        print(kind, "candidates:", (y == 1).sum(), "true,", (y == 0).sum(), "false")
    scores = {}
    for kind, (rows, x, y, folds, groups) in ({} if arguments.quick else data).items():
        p = np.zeros(len(rows))
        for fold in range(4):
            use = folds != fold
            p[folds == fold] = learn(kind, x[use], y[use], groups[use]).probability(x[folds == fold])
        scores[kind] = collections.defaultdict(list)
        for (clip, row, _), q in zip(rows, p):
            scores[kind][clip].append((q, row))
    for least_cut in () if arguments.quick else (0.3, 0.5):
        for least_blend in (0.6, 0.75, 0.85):
            f1, hit, false, missed, why = evaluate(clips, scores["cut"], scores["blend"], least_cut, least_blend)
            print(f"cross-validated cut {least_cut} blend {least_blend}: F1 {f1:.3f} hit {hit} false {false} missed {missed} {why}")
    if not arguments.output:
        return
    for kind, (rows, x, y, _, groups) in data.items():
        bag = learn(kind, x, y, groups)
        names = clips[0][kind + "_names"]
        gains = np.zeros(len(names))
        for stage in (stage for m in bag.models for (stage,) in m._predictors):
            for node in stage.nodes[stage.nodes["is_leaf"] == 0]:
                gains[node["feature_idx"]] += node["gain"]
        print(kind, "weighs most:", ", ".join(f"{names[i]} {gains[i] / gains.sum():.2f}" for i in np.argsort(-gains)[:14]))
        (arguments.output / f"{kind}_model.cpp").write_text(
            f"// How sure the evidence makes us of a {kind}: written by bench/shots/train.py, not by hand.\n"
            f"// Learned from {len(clips)} clips with {(y == 1).sum()} true and {(y == 0).sum()} false candidates.\n"
            '#include <array>\n\n#include "analysis/boosted_trees.h"\n#include "analysis/shot_models.h"\n\n'
            "namespace studio {\nnamespace {\n\n// clang-format off\n" + tables(kind.capitalize(), bag) +
            "// clang-format on\n\n}  // namespace\n\n"
            f"double {kind}_probability(std::span<const float> evidence) {{\n"
            f"  return probability(k{kind.capitalize()}Trees, k{kind.capitalize()}Prior, evidence);\n}}\n\n}}  // namespace studio\n")


if __name__ == "__main__":
    main()
