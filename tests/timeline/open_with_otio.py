#!/usr/bin/env python3
# Opens an .otio of ours with the opentimelineio package, checks what it sees, and writes it again.
import sys

import opentimelineio as otio

timeline = otio.adapters.read_from_file(sys.argv[1])
assert isinstance(timeline, otio.schema.Timeline), type(timeline)
pictures = [track for track in timeline.tracks if not track.metadata.get("studio", {}).get("sound_of")]
clips = [c for track in pictures for c in track.find_clips()]
gaps = [c for track in pictures for c in track if isinstance(c, otio.schema.Gap)]
transitions = [c for track in pictures for c in track if isinstance(c, otio.schema.Transition)]
effects = sum(len(c.effects) for c in clips) + sum(len(t.effects) for t in pictures) + len(timeline.tracks.effects)
for clip in clips:
    clip.trimmed_range()
    clip.range_in_parent()
    media = clip.media_reference
    assert not media.is_missing_reference
    if isinstance(media, otio.schema.ExternalReference):
        assert media.target_url and media.available_range.duration.value > 0
print(f"clips {len(clips)} gaps {len(gaps)} transitions {len(transitions)} "
      f"markers {len(timeline.tracks.markers)} effects {effects}")
otio.adapters.write_to_file(timeline, sys.argv[2])
