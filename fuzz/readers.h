// What is tried on every input, by the fuzz targets and by the regression test over their corpora:
// reading ends in a value or an error, and what was read can be written, read and edited.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <nlohmann/json.hpp>

#include "timeline/edl.h"
#include "timeline/otio.h"
#include "timeline/plan.h"
#include "timeline/timeline.h"
#include "timeline/verbs.h"
#include "timeline/verbs_layers.h"
#include "timeline/verbs_time.h"

namespace studio::fuzz {

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

inline void try_plan(std::string_view text) {
  const auto json = parse_json(text, "input");
  if (!json) return;
  const auto plan = plan_from_json(*json, "input");
  if (!plan) return;
  const Json written = to_json(*plan);
  const auto again = plan_from_json(written, "again");
  require(again.has_value(), "a plan that was written is read");
  require(to_text(to_json(*again)) == to_text(written), "a plan comes back as it was");
}

// Every verb on the timeline's first clip, at times inside and outside of it.
inline void try_verbs(const Timeline& timeline) {
  for (const Track& track : timeline.tracks)
    for (const Item& item : track.items) {
      const auto* clip = std::get_if<Clip>(&item);
      if (clip == nullptr) continue;
      const Time some = duration_of(*clip) / Rational{3, 1};
      const Time middle = duration_of(track) / Rational{2, 1};
      (void)split(timeline, track.id, middle);
      (void)ripple_delete(timeline, track.id, {some, middle});
      (void)ripple_delete(timeline, {some, middle});
      (void)insert(timeline, track.id, middle, *clip);
      (void)overwrite(timeline, track.id, some, *clip);
      (void)remove(timeline, clip->id);
      for (const Time by : {some, -some}) {
        (void)trim(timeline, clip->id, by, -by);
        (void)ripple_trim(timeline, clip->id, by, by);
        (void)roll(timeline, clip->id, by);
        (void)slip(timeline, clip->id, by);
        (void)slide(timeline, clip->id, by);
        (void)j_cut(timeline, clip->id, by);
        (void)l_cut(timeline, clip->id, by);
      }
      (void)concatenate(timeline, timeline);
      (void)change_speed(timeline, clip->id, {3, 2});
      (void)ramp(timeline, clip->id, {{Time{}, 0.5}, {some, 2}});
      (void)freeze(timeline, clip->id, some, some);
      (void)reverse(timeline, clip->id);
      (void)add_transition(timeline, clip->id, "crossfade", some);
      return;
    }
}

inline void try_valid(const Timeline& timeline) {
  for (const Track& track : timeline.tracks)
    for (const Item& item : track.items)
      if (const auto* clip = std::get_if<Clip>(&item)) {
        (void)source_time_at(*clip, duration_of(*clip));
        (void)offset_of_source_time(*clip, clip->source_range.end());
      }
  try_verbs(timeline);
  (void)to_edl(timeline);
  const auto otio = from_otio(parse_json(to_text(to_otio(timeline)), "otio").value(), "otio");
  require(otio.has_value(), "our OTIO is read");
  require(to_text(to_json(otio->timeline)) == to_text(to_json(timeline)),
          "OTIO brings a timeline back as it was");
}

inline void try_timeline(std::string_view text) {
  const auto json = parse_json(text, "input");
  if (!json) return;
  const auto timeline = timeline_from_json(*json, "input");
  if (!timeline) return;
  const Json written = to_json(*timeline);
  const auto again = timeline_from_json(written, "again");
  require(again.has_value(), "a timeline that was written is read");
  require(to_text(to_json(*again)) == to_text(written), "a timeline comes back as it was");
  if (validate(*timeline)) try_valid(*timeline);
}

inline void try_otio(std::string_view text) {
  const auto json = parse_json(text, "input");
  if (!json) return;
  const auto found = from_otio(*json, "input");
  if (!found) return;
  (void)to_otio(found->timeline);
  const auto again = timeline_from_json(to_json(found->timeline), "again");
  require(again.has_value(), "a timeline from OTIO is written and read");
  if (validate(found->timeline)) try_valid(found->timeline);
}

}  // namespace studio::fuzz
