#!/usr/bin/env python3
"""Makes clips of real material whose shot changes are known: what bench/shots/score.py scores on.

  generate.py OUT --split train|held-out [--clips N] [--seed S]

Each clip is written as OUT/NAME.mp4 beside OUT/NAME.json with its transitions and disturbances.
Material: the stills and clips of Debian's opencv-doc. The two splits share no still, no stretch of
film and no random numbers. Needs numpy, opencv (pip opencv-python-headless) and the ffmpeg program.
"""
import argparse
import json
import math
import pathlib
import random
import subprocess

import cv2
import numpy as np

DATA = pathlib.Path("/usr/share/doc/opencv-doc/examples/data")
STILLS = {
    "train": ["aero1.jpg", "aloeL.jpg", "baboon.jpg", "board.jpg", "building.jpg", "fruits.jpg", "graf1.png",
              "home.jpg", "leuvenA.jpg", "messi5.jpg", "rubberwhale1.png", "starry_night.jpg", "squirrel_cls.jpg",
              "left01.jpg", "stuff.jpg"],
    "held-out": ["aero3.jpg", "apple.jpg", "basketball1.png", "butterfly.jpg", "cards.png", "ela_original.jpg",
                 "graf3.png", "HappyFish.jpg", "licenseplate_motion.jpg", "orange.jpg", "smarties.png",
                 "right08.jpg", "box_in_scene.png", "chicky_512.png", "pic2.png", "Blender_Suzanne1.jpg"],
}
# Stretches of film without a change of shot inside, [first, end).
FILM = {
    "train": [("vtest.avi", 0, 390), ("Megamind.avi", 1, 98), ("Megamind.avi", 98, 154)],
    "held-out": [("vtest.avi", 400, 790), ("tree.avi", 0, 68), ("Megamind.avi", 154, 200), ("Megamind.avi", 200, 270)],
}


class Material:
    def __init__(self, split):
        self.split = split
        self.stills = [cv2.imread(str(DATA / n)) for n in STILLS[split]]
        self.stills = [s for s in self.stills if s is not None]
        self.films = []
        for name, first, end in FILM[split]:
            frames = read_film(name, first, end)
            if len(frames) > 40:
                self.films.append(frames)


def read_film(name, first, end):
    capture = cv2.VideoCapture(str(DATA / name))
    frames = []
    index = 0
    while index < end:
        ok, frame = capture.read()
        if not ok:
            break
        if index >= first:
            frames.append(frame)
        index += 1
    return frames


def cover(image, width, height):
    """Scales an image so that it covers width x height."""
    scale = max(width / image.shape[1], height / image.shape[0])
    size = (max(width, round(image.shape[1] * scale)), max(height, round(image.shape[0] * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


class Camera:
    """A window that moves over a picture: centre, size and angle over time."""

    def __init__(self, rng, fps, style):
        self.rng, self.fps, self.style = rng, fps, style
        self.zoom = rng.uniform(1.25, 2.2)
        self.x, self.y = rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.7)
        angle = rng.uniform(0, 2 * math.pi)
        speed = {"static": 0, "slow": 0.05, "pan": 0.2, "fast": 0.45, "zoom": 0.02, "handheld": 0.03}[style] / fps
        self.dx, self.dy = math.cos(angle) * speed, math.sin(angle) * speed * 0.6
        self.dzoom = rng.choice([-1, 1]) * (0.25 if style == "zoom" else 0.0) / fps
        self.shake = {"handheld": 0.006}.get(style, 0.0)
        self.sx = self.sy = self.vx = self.vy = 0.0
        self.whips = []  # (frame, length, dx, dy)

    def step(self, index):
        if self.shake:
            self.vx += self.rng.gauss(0, self.shake * 0.25) - 0.1 * self.vx - 0.05 * self.sx
            self.vy += self.rng.gauss(0, self.shake * 0.25) - 0.1 * self.vy - 0.05 * self.sy
            self.sx += self.vx
            self.sy += self.vy
        wx = wy = 0.0
        for first, length, dx, dy in self.whips:
            t = min(1.0, max(0.0, (index - first) / length))
            s = t * t * (3 - 2 * t)
            wx += dx * s
            wy += dy * s
        self.x += self.dx
        self.y += self.dy
        if not 0.15 < self.x < 0.85:
            self.dx = -self.dx
        if not 0.15 < self.y < 0.85:
            self.dy = -self.dy
        self.zoom = min(3.2, max(1.15, self.zoom * (1 + self.dzoom)))
        return self.x + self.sx + wx, self.y + self.sy + wy, self.zoom


def reflect(value, low, high):
    span = high - low
    if span <= 0:
        return low
    t = (value - low) % (2 * span)
    return low + (t if t <= span else 2 * span - t)


def window(image, x, y, zoom, width, height):
    h, w = image.shape[:2]
    scale = max(width / w, height / h) * zoom
    view_w, view_h = width / scale, height / scale
    cx = reflect(x * w, view_w / 2, w - view_w / 2)
    cy = reflect(y * h, view_h / 2, h - view_h / 2)
    matrix = np.float32([[scale, 0, width / 2 - cx * scale], [0, scale, height / 2 - cy * scale]])
    return cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


class Sprite:
    """Something that moves through the picture: a piece of another still with a soft elliptic edge."""

    def __init__(self, rng, image, width, height, fps, size, speed):
        h = round(height * size)
        w = max(8, round(h * rng.uniform(0.45, 0.9)))
        iy, ix = rng.randint(0, max(0, image.shape[0] - 40)), rng.randint(0, max(0, image.shape[1] - 40))
        patch = image[iy:iy + max(40, image.shape[0] // 2), ix:ix + max(40, image.shape[1] // 2)]
        self.patch = cv2.resize(patch, (w, h), interpolation=cv2.INTER_AREA).astype(np.float32)
        mask = np.zeros((h, w), np.float32)
        cv2.ellipse(mask, (w // 2, h // 2), (w // 2 - 2, h // 2 - 2), 0, 0, 360, 1.0, -1)
        self.mask = cv2.GaussianBlur(mask, (5, 5), 0)[..., None]
        self.x, self.y = rng.uniform(-0.2, 1.0) * width, rng.uniform(0.2, 0.7) * height
        self.vx = rng.choice([-1, 1]) * speed * width / fps
        self.bob, self.phase, self.fps = rng.uniform(0, 0.03) * height, rng.uniform(0, 6), fps

    def draw(self, frame, index):
        h, w = self.mask.shape[:2]
        height, width = frame.shape[:2]
        x = round((self.x + self.vx * index + w) % (width + 2 * w) - w)
        y = round(self.y - h / 2 + self.bob * math.sin(index / self.fps * 7 + self.phase))
        x0, y0, x1, y1 = max(0, x), max(0, y), min(width, x + w), min(height, y + h)
        if x0 >= x1 or y0 >= y1:
            return
        m = self.mask[y0 - y:y1 - y, x0 - x:x1 - x]
        p = self.patch[y0 - y:y1 - y, x0 - x:x1 - x]
        frame[y0:y1, x0:x1] = frame[y0:y1, x0:x1] * (1 - m) + p * m


class Shot:
    """Frames of one take: render(i) gives frame i, for i from -40 (for transitions) on."""

    def __init__(self, rng, material, width, height, fps, same_as=None):
        self.rng, self.width, self.height, self.fps = rng, width, height, fps
        self.disturb = []
        style = rng.choice(["static", "slow", "pan", "pan", "fast", "zoom", "handheld", "handheld"])
        self.film, self.film_at = None, 0
        if same_as is not None:
            self.image, self.film, self.film_at = same_as.image, same_as.film, same_as.film_at
            if self.film is not None:
                self.film_at = rng.randint(0, len(self.film) - 1)
        elif material.films and rng.random() < 0.4:
            self.film = rng.choice(material.films)
            self.film_at = rng.randint(0, len(self.film) - 1)
            self.image = None
        else:
            self.image = rng.choice(material.stills)
        self.camera = Camera(rng, fps, style)
        self.fixed_film = self.film is not None and rng.random() < 0.5
        if same_as is not None:  # another angle on the same scene: another place and size
            while (abs(self.camera.x - same_as.camera.x) < 0.15 and abs(self.camera.y - same_as.camera.y) < 0.15 and
                   abs(math.log(self.camera.zoom / same_as.camera.zoom)) < 0.25):
                self.camera = Camera(rng, fps, style)
            self.fixed_film = False
        self.sprites = []
        if rng.random() < 0.45:
            for _ in range(rng.randint(1, 3)):
                self.sprites.append(Sprite(rng, rng.choice(material.stills), width, height, fps,
                                           rng.uniform(0.2, 0.7), rng.uniform(0.05, 0.5)))
        self.gain, self.offset = rng.uniform(0.75, 1.15), rng.uniform(-12, 8)
        self.tint = np.array([rng.uniform(0.9, 1.1) for _ in range(3)], np.float32)
        self.last = None
        self.shown = False

    def base(self, index):
        if self.film is not None:
            n = len(self.film)
            position = (self.film_at + index) % (2 * n - 2)
            image = self.film[position if position < n else 2 * n - 2 - position]
        else:
            image = self.image
        x, y, zoom = self.camera.step(index)
        if self.fixed_film:
            return cover(image, self.width, self.height)[:self.height, :self.width].astype(np.float32)
        blur = None
        if self.last is not None:
            blur = ((x - self.last[0]) * zoom * self.width, (y - self.last[1]) * zoom * self.height)
        self.last = (x, y)
        frame = window(image, x, y, zoom, self.width, self.height)
        if blur and math.hypot(*blur) > 6:
            frame = motion_blur(frame, *blur)
        return frame.astype(np.float32)

    def render(self, index):
        frame = self.base(index)
        self.shown = True
        for sprite in self.sprites:
            sprite.draw(frame, index)
        frame = frame * self.gain * self.tint + self.offset
        for effect in self.disturb:
            frame = effect(frame, index)
        return np.clip(frame, 0, 255)


def motion_blur(frame, dx, dy):
    length = min(61, max(3, int(math.hypot(dx, dy) * 0.6)))
    kernel = np.zeros((length, length), np.float32)
    angle = math.atan2(dy, dx)
    c = length // 2
    cv2.line(kernel, (round(c - math.cos(angle) * c), round(c - math.sin(angle) * c)),
             (round(c + math.cos(angle) * c), round(c + math.sin(angle) * c)), 1.0, 1)
    return cv2.filter2D(frame, -1, kernel / kernel.sum())


# Disturbances: each returns a function(frame, index) and its first and last frame in the shot.
def flash(rng, shot, at):
    length = rng.randint(1, 4)
    strength = rng.uniform(0.35, 1.0)
    whole = rng.random() < 0.6
    decay = rng.random() < 0.5
    centre = (rng.uniform(0.2, 0.8) * shot.width, rng.uniform(0.2, 0.8) * shot.height)
    yy, xx = np.mgrid[0:shot.height, 0:shot.width].astype(np.float32)
    falloff = np.exp(-((xx - centre[0]) ** 2 + (yy - centre[1]) ** 2) / (2 * (0.35 * shot.width) ** 2))[..., None]

    def apply(frame, index):
        k = index - at
        if not 0 <= k < length:
            return frame
        s = strength * ((1 - k / length) if decay else 1.0)
        return frame + (255 - frame) * s * (1.0 if whole else falloff)
    return apply, length


def light(rng, shot, at):
    gain = rng.choice([rng.uniform(1.6, 3.0), 1 / rng.uniform(1.6, 3.0)])
    warm = np.array([rng.uniform(0.85, 1.1), 1.0, rng.uniform(0.9, 1.15)], np.float32)
    over = rng.choice([1, 1, 2, 3])
    if gain < 1:
        pre = 1.0
    else:
        pre = 1 / gain if rng.random() < 0.6 else 1.0

    def apply(frame, index):
        t = min(1.0, max(0.0, (index - at + 1) / over))
        return frame * pre * ((1 - t) + t * gain * warm)
    return apply, over


def occluder(rng, shot, at):
    length = rng.randint(6, 22)
    dark = rng.uniform(4, 45)
    tint = np.array([rng.uniform(0.7, 1.3) for _ in range(3)], np.float32)
    width = rng.uniform(0.5, 1.6)
    angle = rng.choice([0, math.pi, rng.uniform(-0.5, 0.5), math.pi / 2])
    soft = rng.uniform(0.01, 0.12) * shot.width
    yy, xx = np.mgrid[0:shot.height, 0:shot.width].astype(np.float32)
    along = (xx - shot.width / 2) * math.cos(angle) + (yy - shot.height / 2) * math.sin(angle)
    wobble = 0.05 * shot.width * np.sin(yy / shot.height * 5 + rng.uniform(0, 6))
    reach = 0.5 * (abs(math.cos(angle)) * shot.width + abs(math.sin(angle)) * shot.height)
    half = width * reach

    def apply(frame, index):
        t = (index - at) / length
        if not 0 <= t <= 1:
            return frame
        centre = -(reach + half) + t * 2 * (reach + half)
        inside = 1 / (1 + np.exp(-(half - np.abs(along - centre + wobble)) / soft))
        m = inside[..., None].astype(np.float32)
        return frame * (1 - m) + dark * tint * m
    return apply, length


def explosion(rng, shot, at):
    length = rng.randint(12, 30)
    cx, cy = rng.uniform(0.3, 0.7) * shot.width, rng.uniform(0.3, 0.7) * shot.height
    yy, xx = np.mgrid[0:shot.height, 0:shot.width].astype(np.float32)
    r = np.hypot(xx - cx, yy - cy)
    noise = cv2.resize(np.random.default_rng(rng.randint(0, 1 << 30)).random((6, 8)).astype(np.float32),
                       (shot.width, shot.height), interpolation=cv2.INTER_CUBIC)
    colour = np.array([60, 160, 255], np.float32)

    def apply(frame, index):
        t = (index - at) / length
        if not 0 <= t <= 1:
            return frame
        radius = shot.width * 0.75 * min(1.0, t * 4) * (0.7 + 0.6 * noise)
        m = (1 / (1 + np.exp((r - radius) / (0.04 * shot.width))) * (1 - t) ** 1.5)[..., None]
        return frame + (colour + 255 * (1 - t) ** 3 - frame * 0.6) * m
    return apply, length


def strobe(rng, shot, at):
    length, period = rng.randint(12, 36), rng.randint(2, 6)
    strength = rng.uniform(0.4, 1.3)

    def apply(frame, index):
        k = index - at
        if not 0 <= k < length or k % period >= max(1, period // 2):
            return frame
        return frame * (1 + strength) + 20 * strength
    return apply, length


def rush(rng, shot, at):
    """A large subject runs through the picture."""
    sprite = Sprite(rng, rng.choice(MATERIAL.stills), shot.width, shot.height, shot.fps, rng.uniform(0.7, 1.2), 0)
    length = rng.randint(6, 16)
    direction = rng.choice([-1, 1])
    h, w = sprite.mask.shape[:2]

    def apply(frame, index):
        t = (index - at) / length
        if not 0 <= t <= 1:
            return frame
        sprite.vx = 0
        travel = -w + t * (shot.width + 2 * w)
        sprite.x = travel if direction > 0 else shot.width - travel
        frame = frame.copy()
        x = round(sprite.x - w / 2)
        y = round(shot.height * 0.55 - h / 2)
        x0, y0, x1, y1 = max(0, x), max(0, y), min(shot.width, x + w), min(shot.height, y + h)
        if x0 < x1 and y0 < y1:
            m = sprite.mask[y0 - y:y1 - y, x0 - x:x1 - x]
            frame[y0:y1, x0:x1] = frame[y0:y1, x0:x1] * (1 - m) + sprite.patch[y0 - y:y1 - y, x0 - x:x1 - x] * m
        return frame
    return apply, length


def whip(rng, shot, at):
    length = rng.randint(5, 12)
    dx, dy = rng.choice([-1, 1]) * rng.uniform(0.35, 0.9), rng.uniform(-0.1, 0.1)
    if not (shot.fixed_film and shot.shown):  # a window put over film that was already on screen is a cut
        shot.fixed_film = False
        shot.camera.whips.append((at, length, dx, dy))
    return None, length


DISTURBANCES = {"flash": flash, "light": light, "occluder": occluder, "explosion": explosion, "strobe": strobe,
                "subject": rush, "whip": whip}


def smoothstep(a, b, x):
    t = min(1.0, max(0.0, (x - a) / (b - a)))
    return t * t * (3 - 2 * t)


class Transition:
    def __init__(self, rng, width, height, fps, kind):
        self.kind = kind
        self.shape = None
        if kind == "cut":
            self.length = 0
        elif kind == "dissolve":
            self.length = rng.randint(5, 40)
        elif kind == "fade":
            self.colour = rng.choice([0.0, 0.0, 255.0])
            self.out, self.hold, self.into = rng.randint(4, 22), rng.choice([0, 0, 1, 3, 8, 15]), rng.randint(4, 22)
            self.style = rng.choice(["linear", "linear", "xfade"])
            self.length = self.out + self.hold + self.into
        else:
            self.length = rng.randint(8, 32)
            self.shape = rng.choice(["left", "right", "up", "down", "left", "right", "up", "down", "diagonal",
                                     "open", "close", "radial", "slide"])
            self.soft = rng.choice([0.005, 0.01, 0.05, 0.15, 0.3])
            yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
            u, v = xx / width, yy / height
            r = np.hypot((xx - width / 2), (yy - height / 2)) / math.hypot(width / 2, height / 2)
            self.order = {"left": 1 - u, "right": u, "up": 1 - v, "down": v, "diagonal": (u + v) / 2, "open": r,
                          "close": 1 - r, "radial": (np.arctan2(yy - height / 2, xx - width / 2) / math.pi + 1) / 2,
                          "slide": u}[self.shape]

    def mix(self, a, b, k):
        """Frame k of `length` (0-based) of the transition."""
        p = (k + 1) / (self.length + 1)
        if self.kind == "dissolve":
            return a * (1 - p) + b * p
        if self.kind == "fade":
            if self.style == "xfade":
                q = 1 - p
                s1, s2 = smoothstep(0.8, 1, q), smoothstep(0.2, 1, q)
                first = a * s1 + self.colour * (1 - s1)
                second = self.colour * s2 + b * (1 - s2)
                return first * q + second * (1 - q)
            if k < self.out:
                t = (k + 1) / (self.out + (0 if self.hold else 1))
                return a * (1 - min(1, t)) + self.colour * min(1, t)
            if k < self.out + self.hold:
                return np.full_like(a, self.colour)
            t = (k - self.out - self.hold + 1) / (self.into + 1)
            return a * 0 + self.colour * (1 - t) + b * t
        if self.shape == "slide":
            shift = round(p * a.shape[1])
            out = a.copy()
            out[:, :a.shape[1] - shift] = a[:, shift:]
            out[:, a.shape[1] - shift:] = b[:, :shift]
            return out
        edge = -self.soft + p * (1 + 2 * self.soft)
        m = np.clip((edge - self.order) / self.soft + 0.5, 0, 1)[..., None].astype(np.float32)
        return a * (1 - m) + b * m


MATERIAL = None


def make_clip(out, name, seed, material):
    global MATERIAL
    MATERIAL = material
    rng = random.Random(seed)
    noise_rng = np.random.default_rng(seed)
    width, height = rng.choice([(426, 240), (426, 240), (320, 240), (480, 270), (240, 426)])
    fps = rng.choice([24, 25, 25, 30, 30, 60])
    look = rng.choice(["clean", "clean", "grain", "dark", "letterbox"])
    crf = rng.choice([18, 23, 28, 34, 40])
    seconds = 45 if fps < 60 else 30
    total = int(seconds * fps)
    path = out / f"{name}.mp4"
    encoder = subprocess.Popen(
        ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{width}x{height}", "-r", str(fps),
         "-i", "-", "-c:v", "libx264", "-preset", "veryfast", "-threads", "1", "-crf", str(crf), "-pix_fmt", "yuv420p",
         str(path)], stdin=subprocess.PIPE)
    index = 0
    transitions, disturbances = [], []

    def emit(frame):
        nonlocal index
        if look == "dark":
            frame = 255 * (frame / 255) ** 1.6 * 0.4
        if look == "grain":
            frame = frame + noise_rng.normal(0, 9, frame.shape[:2])[..., None]
        elif look != "clean" or crf < 30:
            frame = frame + noise_rng.normal(0, 2, frame.shape[:2])[..., None]
        frame = np.clip(frame, 0, 255).astype(np.uint8)
        if look == "letterbox":
            bar = height // 8
            frame[:bar] = frame[-bar:] = 0
        encoder.stdin.write(frame.tobytes())
        index += 1

    shot = Shot(rng, material, width, height, fps)
    while True:
        length = int(rng.uniform(0.9, 4.5) * fps)
        local = 0
        # Disturbances in the shot, away from its ends.
        at = 0.35 * fps
        while rng.random() < 0.55:
            kind = rng.choice(list(DISTURBANCES))
            start = int(at + rng.uniform(0.1, 0.8) * fps)
            offset = shot.local if hasattr(shot, "local") else 0
            effect, long = DISTURBANCES[kind](rng, shot, start + offset)
            if effect:
                shot.disturb.append(effect)
            disturbances.append({"kind": kind, "first": index + start, "last": index + start + long - 1})
            at = start + long + 0.4 * fps
            length = max(length, int(at + 0.2 * fps))
        offset = getattr(shot, "local", 0)
        while local < length:
            emit(shot.render(offset + local))
            local += 1
        if index >= total:
            break
        kind = rng.choice(["cut", "cut", "cut", "dissolve", "dissolve", "fade", "wipe", "wipe"])
        similar = rng.random() < (0.35 if kind == "cut" else 0.1)
        following = Shot(rng, material, width, height, fps, same_as=shot if similar else None)
        transition = Transition(rng, width, height, fps, kind)
        record = {"kind": kind, "first": index, "last": index + max(0, transition.length - 1), "similar": similar}
        if transition.shape:
            record["shape"] = transition.shape
            record["soft"] = transition.soft
        if kind == "fade":
            record["style"] = transition.style
            record["colour"] = transition.colour
        for k in range(transition.length):
            a, b = shot.render(offset + local), following.render(k)
            local += 1
            emit(transition.mix(a, b, k))
        transitions.append(record)
        following.local = transition.length
        shot = following
    encoder.stdin.close()
    if encoder.wait() != 0:
        raise SystemExit(f"ffmpeg failed on {path}")
    truth = {"clip": str(path), "fps": fps, "frames": index, "width": width, "height": height, "look": look, "crf": crf,
             "transitions": transitions, "disturbances": disturbances}
    (out / f"{name}.json").write_text(json.dumps(truth))
    print(name, fps, look, crf, len(transitions), "transitions", len(disturbances), "disturbances", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--split", choices=["train", "held-out"], required=True)
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--first", type=int, default=0)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    material = Material(arguments.split)
    for i in range(arguments.first, arguments.first + arguments.clips):
        make_clip(arguments.out, f"{arguments.split}{i:02}", (1000 if arguments.split == "train" else 77000) + i, material)


if __name__ == "__main__":
    main()
