#!/usr/bin/env python3
"""Makes harder clips whose shot changes are known, beside those of generate.py.

  scenes.py OUT --split train|held-out [--clips N] [--first N]

Here many cuts join two views of one scene (the same still or film under the same light, closer, from the
side, later; drawn scenes of one palette), the film may be a fractal that is zoomed into, moving gradients,
cells or a rotating picture, things cross the lens slowly, clips open and close with fades, and blends last
6 to 60 frames in many shapes. Writes what generate.py writes, for score.py and train.py.
"""
import argparse
import json
import math
import pathlib
import random
import subprocess

import cv2
import numpy as np

import generate
from generate import DISTURBANCES, Material, Shot, Transition, reflect, window

# Sources of ffmpeg whose picture moves or changes all over without any change of shot.
SOURCES = {
    "train": ["mandelbrot=start_scale=3:end_scale=0.3:end_pts=100", "mandelbrot=start_scale=2.6:end_scale=0.05:end_pts=45",
              "gradients=speed=0.01:seed=5:n=4", "gradients=speed=0.04:seed=6:n=3", "gradients=speed=0.08:seed=9:n=6",
              "life=mold=10:ratio=0.2:death_color=#305080:life_color=#e0e0a0:seed=3", "cellauto=rule=110:seed=4",
              "testsrc2", "sierpinski=seed=4"],
    "held-out": ["mandelbrot=start_scale=2.2:end_scale=0.6:end_pts=70", "gradients=speed=0.02:seed=31:n=5",
                 "gradients=speed=0.06:seed=32:n=2", "life=mold=4:ratio=0.3:seed=8", "cellauto=rule=30:seed=2",
                 "sierpinski=type=triangle:seed=7"],
}


def read_source(name, frames=110):
    raw = subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"{name}{':' if '=' in name else '='}s=320x180:r=25",
                          "-frames:v", str(frames), "-f", "rawvideo", "-pix_fmt", "bgr24", "-"],
                         capture_output=True, check=True).stdout
    return list(np.frombuffer(raw, np.uint8).reshape(-1, 180, 320, 3))


def plasma(rng, frames=110):
    """Sums of moving sines through a palette."""
    yy, xx = np.mgrid[0:180, 0:320].astype(np.float32) / 180
    waves = [(rng.uniform(1, 9), rng.uniform(0, 6.3), rng.uniform(-0.25, 0.25)) for _ in range(4)]
    colour = [(rng.uniform(0.5, 2.5), rng.uniform(0, 6.3)) for _ in range(3)]
    out = []
    for i in range(frames):
        field = sum(np.sin(k * (xx * math.cos(a) + yy * math.sin(a)) + v * i) for k, a, v in waves)
        out.append(np.stack([127 + 110 * np.sin(c * field + p) for c, p in colour], -1).astype(np.uint8))
    return out


class Scenes(Material):
    def __init__(self, split):
        super().__init__(split)
        self.tapes = self.films
        rng = random.Random(11 if split == "train" else 12)
        self.patterns = [read_source(n) for n in SOURCES[split]] + [plasma(rng) for _ in range(3)]


class Drawing:
    """A flat-coloured set with characters, seen through a moving window; drawings may be held."""

    def __init__(self, rng):
        self.colours = [tuple(rng.randint(20, 245) for _ in range(3)) for _ in range(7)]
        self.boxes = []
        for _ in range(rng.randint(10, 26)):
            x, y = rng.uniform(0, 1), rng.uniform(0, 1)
            self.boxes.append((x, y, rng.uniform(0.03, 0.25), rng.uniform(0.05, 0.4), rng.randint(1, 5), rng.random() < 0.3))
        self.people = [(rng.uniform(0.1, 0.9), rng.uniform(0.5, 0.8), rng.uniform(0.08, 0.18), rng.uniform(-0.06, 0.06),
                        rng.randint(0, 6), rng.randint(0, 6), rng.uniform(0, 6)) for _ in range(rng.randint(1, 4))]
        self.hold = rng.choice([1, 2, 2, 3])
        self.horizon = rng.uniform(0.4, 0.7)

    def picture(self, seconds, fps):
        t = math.floor(seconds * fps / self.hold) * self.hold / fps
        w, h = 960, 540
        image = np.empty((h, w, 3), np.uint8)
        image[:] = self.colours[0]
        image[int(self.horizon * h):] = self.colours[6]
        for x, y, bw, bh, colour, round_ in self.boxes:
            if round_:
                cv2.ellipse(image, (int(x * w), int(y * h)), (int(bw * w / 2), int(bh * h / 2)), 0, 0, 360,
                            self.colours[colour], -1, cv2.LINE_AA)
            else:
                cv2.rectangle(image, (int(x * w), int(y * h)), (int((x + bw) * w), int((y + bh) * h)), self.colours[colour], -1)
        for x, y, size, speed, skin, coat, phase in self.people:
            px = int(reflect(x + speed * t, 0.05, 0.95) * w)
            py = int((y + 0.01 * math.sin(6 * t + phase)) * h)
            s = int(size * h)
            arm = int(s * 0.8 * math.sin(5 * t + phase))
            cv2.ellipse(image, (px, py + s), (s // 2, s), 0, 0, 360, self.colours[coat], -1, cv2.LINE_AA)
            cv2.circle(image, (px, py - s // 4), s // 2, self.colours[skin], -1, cv2.LINE_AA)
            cv2.line(image, (px, py + s // 2), (px + s, py + s // 2 + arm), self.colours[skin], max(2, s // 6), cv2.LINE_AA)
            cv2.circle(image, (px - s // 6, py - s // 3), max(1, s // 14), (20, 20, 20), -1)
        return image


class View(Shot):
    """A take of a still, a film, a drawn set or a pattern. `same_as`: another view of that scene."""

    def __init__(self, rng, material, width, height, fps, same_as=None, only=None):
        self.jumps = only is not None
        kind = only or (same_as.kind if same_as else
                        rng.choice(["still", "still", "still", "film", "film", "drawn", "drawn", "pattern"]))
        material.films = material.patterns if kind == "pattern" else material.tapes
        while True:  # Shot draws still or film by chance: again until it is what was chosen
            super().__init__(rng, material, width, height, fps)
            if (self.film is not None) == (kind in ("film", "pattern")):
                break
        self.kind, self.drawing, self.spin = kind, None, 0.0
        if kind == "drawn":
            self.drawing = same_as.drawing if same_as else Drawing(rng)
            self.image = None
            self.time = rng.uniform(0, 40)
        if kind == "pattern":
            self.fixed_film = rng.random() < 0.8
            self.sprites = []
        elif kind == "still" and not same_as and rng.random() < 0.08:
            self.spin = rng.choice([-1, 1]) * rng.uniform(0.3, 2.0) / fps
        if same_as:
            self.look_again(rng, same_as)

    def look_again(self, rng, other):
        """The same place under the same light: closer, further, aside; or the same framing later."""
        self.image, self.film, self.fixed_film = other.image, other.film, False
        self.gain, self.offset, self.tint = other.gain, other.offset, other.tint
        if rng.random() < 0.6:
            self.sprites = []
        if self.film is not None:
            n = len(self.film)
            self.film_at = (other.film_at + rng.randint(n // 4, 3 * n // 4)) % n
            if self.kind == "film" and n > 150 and rng.random() < (0.7 if self.jumps else 0.25):
                self.fixed_film = other.fixed_film  # a jump cut
                self.camera.x, self.camera.y, self.camera.zoom = other.camera.x, other.camera.y, other.camera.zoom
                if self.jumps:
                    self.camera.dx = self.camera.dy = self.camera.dzoom = self.camera.shake = 0
                return
        how = rng.choice(["close", "wide", "aside", "aside", "both"])
        zoom = other.camera.zoom
        self.camera.zoom = {"close": zoom * rng.uniform(1.35, 2.2), "wide": zoom / rng.uniform(1.35, 2.0), "aside": zoom,
                            "both": zoom * rng.choice([0.7, 1.4])}[how]
        self.camera.zoom = min(4.0, max(1.1, self.camera.zoom))
        if how in ("aside", "both"):
            span = 1 / self.camera.zoom  # of the picture's width that is seen
            self.camera.x = other.camera.x + (1 if other.camera.x < 0.5 else -1) * rng.uniform(0.35, 0.7) * span
            self.camera.y = other.camera.y + rng.uniform(-0.3, 0.3) * span

    def base(self, index):
        if self.drawing is not None:
            self.image = self.drawing.picture(self.time + index / self.fps, self.fps)
        if not self.spin:
            return super().base(index)
        x, y, zoom = self.camera.step(index)
        frame = window(self.image, x, y, zoom, self.width, self.height)
        turn = cv2.getRotationMatrix2D((self.width / 2, self.height / 2), math.degrees(self.spin * index), 1.3)
        return cv2.warpAffine(frame, turn, (self.width, self.height), borderMode=cv2.BORDER_REFLECT).astype(np.float32)


def crossing(rng, shot, at):
    """Something large, dark, grey or bright, plain or patterned, passes the lens slowly."""
    length = rng.randint(20, 80)
    tone = rng.choice([rng.uniform(0, 40), rng.uniform(80, 160), rng.uniform(200, 250)])
    colour = np.array([tone * rng.uniform(0.75, 1.2) for _ in range(3)], np.float32)
    size = rng.uniform(0.35, 1.2) * shot.width
    soft = rng.uniform(0.005, 0.08) * shot.width
    angle = rng.choice([0, math.pi, math.pi / 2, rng.uniform(0, 6.3)])
    yy, xx = np.mgrid[0:shot.height, 0:shot.width].astype(np.float32)
    along = (xx - shot.width / 2) * math.cos(angle) + (yy - shot.height / 2) * math.sin(angle)
    texture = cv2.resize(np.random.default_rng(rng.randint(0, 1 << 30)).random((9, 16)).astype(np.float32),
                         (shot.width, shot.height), interpolation=cv2.INTER_CUBIC)[..., None]
    rough = rng.choice([0, 0, 30, 70])
    reach = 0.5 * math.hypot(shot.width, shot.height)
    oval = rng.random() < 0.4
    across = (xx - shot.width / 2) * -math.sin(angle) + (yy - shot.height / 2) * math.cos(angle)

    def apply(frame, index):
        t = (index - at) / length
        if not 0 <= t <= 1:
            return frame
        centre = -(reach + size / 2) + t * (2 * reach + size)
        away = np.hypot(along - centre, across * 0.6) if oval else np.abs(along - centre)
        m = (1 / (1 + np.exp(np.clip((away - size / 2) / soft, -30, 30))))[..., None]
        return frame * (1 - m) + (colour + rough * (texture - 0.5)) * m
    return apply, length


def crash_zoom(rng, shot, at):
    length, ratio = rng.randint(8, 45), rng.uniform(1.6, 3.5)
    inwards = rng.random() < 0.6
    step = shot.camera.step

    def zoomed(index):
        x, y, zoom = step(index)
        t = min(1.0, max(0.0, (index - at) / length))
        t = t * t * (3 - 2 * t)
        return x, y, max(1.05, zoom * ratio ** (t if inwards else -t))
    if not (shot.fixed_film and shot.shown):
        shot.camera.step = zoomed
        shot.fixed_film = False
    return None, length


def exposure(rng, shot, at):
    """The light rises or falls over a second or two, and stays."""
    length, gain = rng.randint(10, 60), rng.choice([rng.uniform(0.35, 0.7), rng.uniform(1.3, 2.2)])
    return (lambda frame, index: frame * gain ** min(1.0, max(0.0, (index - at) / length))), length


def focus_pull(rng, shot, at):
    length, most = rng.randint(12, 40), rng.uniform(2, 9)

    def apply(frame, index):
        t = (index - at) / length
        sigma = most * math.sin(math.pi * t) if 0 < t < 1 else 0
        return cv2.GaussianBlur(frame, (0, 0), sigma) if sigma > 0.3 else frame
    return apply, length


EXTRA = {"crossing": crossing, "zoom": crash_zoom, "exposure": exposure, "focus": focus_pull}


class Blend(Transition):
    """More shapes, 6 to 60 frames."""

    def __init__(self, rng, width, height, fps, kind):
        super().__init__(rng, width, height, fps, kind)
        if kind == "dissolve":
            self.length = rng.randint(6, 60)
        if kind != "wipe":
            return
        self.length = rng.randint(6, 60)
        shape = rng.choice(["left", "right", "up", "down", "diagonal", "open", "close", "radial", "slide",
                            "other diagonal", "doors", "box", "cover", "push up"])
        yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
        u, v = xx / width, yy / height
        orders = {"left": 1 - u, "right": u, "up": 1 - v, "down": v, "diagonal": (u + v) / 2,
                  "other diagonal": (1 - u + v) / 2, "doors": np.abs(u - 0.5) * 2,
                  "box": np.maximum(np.abs(u - 0.5), np.abs(v - 0.5)) * 2,
                  "radial": (np.arctan2(xx - width / 2, height / 2 - yy) / math.pi + 1) / 2}
        r = np.hypot(xx - width / 2, yy - height / 2) / math.hypot(width / 2, height / 2)
        orders |= {"open": r, "close": 1 - r}
        self.shape, self.order = shape, orders.get(shape, u)

    def mix(self, a, b, k):
        p = (k + 1) / (self.length + 1)
        if self.shape == "cover":  # the new picture slides over the old one
            shift = max(1, round(p * a.shape[1]))
            out = a.copy()
            out[:, a.shape[1] - shift:] = b[:, :shift]
            return out
        if self.shape == "push up":
            shift = max(1, round(p * a.shape[0]))
            return np.concatenate([a[shift:], b[:shift]])
        return super().mix(a, b, k)


class Clip:
    """The file that is written, frame by frame, with the look of one camera."""

    def __init__(self, rng, path, fps, size, seed):
        self.look = rng.choice(["clean", "clean", "clean", "grain", "dark", "letterbox"])
        self.crf = rng.choice([18, 23, 28, 34])
        self.noise = np.random.default_rng(seed)
        self.frames = 0
        self.encoder = subprocess.Popen(
            ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{size[0]}x{size[1]}", "-r", str(fps),
             "-i", "-", "-c:v", "libx264", "-preset", "veryfast", "-threads", "1", "-crf", str(self.crf), "-pix_fmt",
             "yuv420p", str(path)], stdin=subprocess.PIPE)

    def add(self, frame):
        if self.look == "dark":
            frame = 255 * (frame / 255) ** 1.5 * 0.45
        if self.look == "grain":
            frame = frame + self.noise.normal(0, 7, frame.shape[:2])[..., None]
        frame = np.clip(frame, 0, 255).astype(np.uint8)
        if self.look == "letterbox":
            bar = frame.shape[0] // 8
            frame[:bar] = frame[-bar:] = 0
        self.encoder.stdin.write(frame.tobytes())
        self.frames += 1

    def close(self):
        self.encoder.stdin.close()
        if self.encoder.wait() != 0:
            raise SystemExit("ffmpeg failed")


def edge_fade(rng, fps):
    """Gain over the frames next to an end of the clip; [] for none."""
    if rng.random() < 0.5:
        return []
    length, hold = rng.randint(6, int(1.5 * fps)), rng.choice([0, 0, 2, 10])
    return [0.0] * hold + [k / length for k in range(length)]


def make_clip(out, name, seed, material, only=None):
    generate.MATERIAL = material
    rng = random.Random(seed)
    size = rng.choice([(320, 180), (426, 240), (320, 240)])
    fps = rng.choice([24, 25, 30, 30, 50])
    path = out / f"{name}.mp4"
    clip = Clip(rng, path, fps, size, seed)
    transitions, disturbances = [], []
    shot, offset = View(rng, material, *size, fps, only=only), 0
    opening, closing = edge_fade(rng, fps), edge_fade(rng, fps)[::-1]
    white = rng.choice([0.0, 0.0, 255.0])
    while True:
        length = int(rng.uniform(0.7, 3.6) * fps)
        if not clip.frames and opening:
            length = max(length, len(opening) + fps // 2)
        at = 0.35 * fps + (len(opening) if not clip.frames else 0)
        while rng.random() < 0.4:
            kinds = {**DISTURBANCES, **EXTRA}
            kind = rng.choice(list(kinds) + list(EXTRA))
            if kind == "whip" and shot.kind == "pattern":
                kind = "flash"
            start = int(at + rng.uniform(0.1, 0.8) * fps)
            effect, long = kinds[kind](rng, shot, start + offset)
            if effect:
                shot.disturb.append(effect)
            disturbances.append({"kind": kind, "first": clip.frames + start, "last": clip.frames + start + long - 1})
            at = start + long + 0.4 * fps
            length = max(length, int(at + 0.2 * fps))
        last = clip.frames + length >= 36 * fps
        if last:
            length = max(length, len(closing) + fps // 2)
        for local in range(length):
            frame = shot.render(offset + local)
            if local < len(opening) and not transitions:
                frame = frame * opening[local] + white * (1 - opening[local])
            if last and local >= length - len(closing):
                gain = closing[local - length + len(closing)]
                frame = frame * gain + white * (1 - gain)
            clip.add(frame)
        if last:
            break
        kind = rng.choice(["cut", "cut", "cut", "cut", "dissolve", "dissolve", "fade", "wipe", "wipe"])
        if only and rng.random() < 0.6:
            kind = "cut"
        similar = rng.random() < (0.95 if only else 0.65 if kind == "cut" else 0.1) and shot.kind != "pattern"
        following = View(rng, material, *size, fps, shot if similar else None, only)
        blend = Blend(rng, *size, fps, kind)
        record = {"kind": kind, "first": clip.frames, "last": clip.frames + max(0, blend.length - 1), "similar": similar,
                  "scene": following.kind}
        if blend.shape:
            record["shape"] = blend.shape
        for k in range(blend.length):
            clip.add(blend.mix(shot.render(offset + length + k), following.render(k), k))
        transitions.append(record)
        shot, offset = following, blend.length
    clip.close()
    truth = {"clip": str(path), "fps": fps, "frames": clip.frames, "look": clip.look, "crf": clip.crf,
             "transitions": transitions, "disturbances": disturbances}
    (out / f"{name}.json").write_text(json.dumps(truth))
    print(name, fps, clip.look, clip.crf, len(transitions), "transitions", len(disturbances), "disturbances", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--split", choices=["train", "held-out"], required=True)
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jumps", action="store_true", help="only film, cut to later moments of the same take")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    material = Scenes(arguments.split)
    kind = "jumps" if arguments.jumps else "scenes"
    first_seed = (5000 if arguments.split == "train" else 91000) + (500 if arguments.jumps else 0)
    for i in range(arguments.first, arguments.first + arguments.clips):
        make_clip(arguments.out, f"{kind}-{arguments.split}{i:02}", first_seed + i, material, "film" if arguments.jumps else None)


if __name__ == "__main__":
    main()
