#!/usr/bin/env python3
# Makes the bad and odd inputs of the transcripts in the current folder, from FFmpeg's test pictures.
import struct
import subprocess
from pathlib import Path


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments], check=True)


def patched(source, target, *changes):
    """A copy of the file with bytes replaced at offsets."""
    data = bytearray(Path(source).read_bytes())
    for offset, replacement in changes:
        data[offset:offset + len(replacement)] = replacement
    Path(target).write_bytes(data)


def box_content(data, name, after=0):
    """Offset of the content of the first MP4 box of that name."""
    return data.index(name, after) + 4


PICTURE = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=2"]
SOUND = ["-f", "lavfi", "-i", "sine=frequency=440:duration=2"]
H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]

ffmpeg(*PICTURE, *SOUND, *H264, "-c:a", "aac", "-shortest", "good.mp4")
ffmpeg(*SOUND, "sound.wav")
ffmpeg(*PICTURE, "-frames:v", "1", "one.png")
ffmpeg(*PICTURE, "-frames:v", "1", *H264, "one_frame.mp4")
Path("wide.raw").write_bytes(bytes(100_000 * 3 * 5))
ffmpeg("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "100000x1", "-r", "25", "-i", "wide.raw", "-c:v", "png", "wide.mkv")
Path("wide.raw").unlink()
ffmpeg(*PICTURE, "-c:v", "mjpeg", "-an", "plain.avi")
Path("empty.mp4").write_bytes(b"")
Path("text.mp4").write_text("This is no film.\n" * 200)
Path("folder.mp4").mkdir(exist_ok=True)
good = Path("good.mp4").read_bytes()
Path("truncated.mp4").write_bytes(good[:len(good) // 2])  # its index stood at the end

# AVI main header: microseconds a frame, then (6 words on) the number of frames; the video stream's header
# holds scale and rate, its format the width and height.
avi = Path("plain.avi").read_bytes()
avih = avi.index(b"avih") + 8
strh = avi.index(b"strh") + 8
strf = avi.index(b"strf") + 8
patched("plain.avi", "no_rate.avi", (avih, struct.pack("<I", 0)), (strh + 20, struct.pack("<II", 0, 0)))
patched("plain.avi", "lying_length.avi", (avih + 16, struct.pack("<I", 100_000_000)), (strh + 32, struct.pack("<I", 100_000_000)))
patched("plain.avi", "lying_size.avi", (avih + 32, struct.pack("<II", 60_000, 60_000)), (strf + 4, struct.pack("<ii", 60_000, 60_000)))

# MP4: a track header that claims hours, and a sample table that claims four billion samples.
mvhd = box_content(good, b"mvhd")
stsz = box_content(good, b"stsz")
patched("good.mp4", "lying_length.mp4", (mvhd + 16, struct.pack(">I", 0xFFFFFFF0)))
mdhd = box_content(good, b"mdhd")
patched("good.mp4", "no_rate.mp4", (mdhd + 12, struct.pack(">I", 0)))
patched("good.mp4", "lying_count.mp4", (stsz + 8, struct.pack(">I", 0xFFFFFFF0)))
