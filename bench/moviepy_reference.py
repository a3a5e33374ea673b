"""The reference job of bench/run.py as a MoviePy user would write it."""
import sys

from moviepy import CompositeVideoClip, TextClip, VideoFileClip, concatenate_videoclips
from moviepy.video.fx import MultiplySpeed

source, output = sys.argv[1:3]
clip = VideoFileClip(source)
parts = [clip.subclipped(2, 12), clip.subclipped(18, 28).with_effects([MultiplySpeed(2)]), clip.subclipped(40, 50)]
joined = concatenate_videoclips(parts)
title = TextClip(text="A title", font_size=64, color="white").with_start(1).with_duration(3).with_position("center")
CompositeVideoClip([joined, title]).write_videofile(output, logger=None)
