// OpenTimelineIO JSON (.otio) in and out, as the `opentimelineio` package reads and writes it.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "timeline/timeline.h"

namespace studio {

// Written: Timeline.1 > Stack.1 > Track.1 > Clip.2, Gap.1, Transition.1; ExternalReference.1 with
// available_range and GeneratorReference.1; LinearTimeWarp.1, FreezeFrame.1 and TimeEffect.1 (ramps)
// for retimes, Effect.1 for effects; Marker.2. As OTIO has it, a clip's source_range has the length it
// plays for, and media with a start timecode count from that timecode. The reel is in
// metadata.cmx_3600.reel. The sound of picture tracks is written out as audio tracks too (J and L
// cuts show there); reading our own file these are left out again.
// What OTIO has no place for, and exact times, is in metadata.studio: the round trip is lossless.
Json to_otio(const Timeline& timeline);

struct OtioTimeline {
  Timeline timeline;
  std::vector<std::string> losses;  // what the file holds that a Timeline cannot, a sentence each
};

// Reads files of ours and of others: Clip.1 and Clip.2, Marker.1 and .2, the old names Sequence,
// Filler and SerializeableCollection, nested tracks and stacks (flattened; layers of a nested stack
// become tracks above). Where a tool has changed one of our files (trimmed, relinked, renamed, respeeded),
// the change wins over metadata.studio. Foreign metadata is kept as text in Clip::metadata["otio"]
// and written back. Media that is offline and items that are disabled become gaps, and losses.
// Errors: invalid_input with the place, limit_exceeded.
Result<OtioTimeline> from_otio(const Json& json, std::string_view origin);

Result<OtioTimeline> read_otio(const std::string& path);
Result<void> write_otio(const std::string& path, const Timeline& timeline);  // "-" is stdout

// A path as the target_url of a reference, and back: absolute paths become file:// URLs.
std::string url_of_path(const std::string& path);
std::string path_of_url(const std::string& url);

}  // namespace studio
