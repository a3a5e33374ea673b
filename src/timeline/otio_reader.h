// The OTIO reader's state and steps. For otio_read.cpp (compositions) and otio_items.cpp (what is in them).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "timeline/otio.h"
#include "timeline/timeline.h"

namespace studio::otio_form {

struct Schema {
  std::string name;
  int version = 0;
};

// Old names of a schema are given as today's.
Schema schema_of(const Json& json);

// The value under a key, null when it is not there or `json` is no object.
const Json& child(const Json& json, std::string_view key);
std::string text_at(const Json& json, std::string_view key);
// metadata.studio
const Json& ours(const Json& json);

// OTIO rates are doubles: 23.976, 29.97 and their like mean n*1000/1001.
Rational exact_rate(double rate);

std::unexpected<Error> wrong(const std::string& path, std::string_view why);

struct ReadRange {
  Time start, duration;
  Rational rate;
};

class Reader {
 public:
  Result<OtioTimeline> read(const Json& root, std::string_view origin);

 private:
  Result<std::vector<Track>> read_stack(const Json& json, const std::string& path);
  Result<std::vector<Track>> read_track(const Json& json, const std::string& path);
  Result<std::vector<Track>> read_nested(const Json& json, const std::string& path);
  Result<Item> read_clip(const Json& json, const std::string& path, TrackKind kind);
  Result<Clip> read_our_clip(const Json& json, const std::string& path);
  Result<std::optional<Source>> read_source(const Json& clip, const std::string& path, TrackKind kind);
  Result<Item> read_gap(const Json& json, const std::string& path);
  Result<Item> read_transition(const Json& json, const std::string& path);
  Result<std::vector<Effect>> read_effects(const Json& json, const std::string& path);
  Result<void> read_markers(const Json& json, const std::string& path, Time origin);
  Result<std::optional<ReadRange>> read_range(const Json& json, const std::string& path);
  Result<Time> read_time(const Json& json, const std::string& path, Rational* rate = nullptr);
  // Our own files keep their rates as fractions beside the doubles: those are taken at their word.
  void learn_rates(const Json& json, int depth = 0);
  Rational rate_behind(double rate) const;
  void apply_time_effects(const Json& json, Clip& clip, Time plays, const std::string& path);
  void lose(const std::string& path, std::string_view what) {
    if (losses_.size() < 200) losses_.push_back(fmt::format("{}: {}", path, what));
  }
  void settle_tracks(const std::string& path);
  void make_ids_unique();

  Timeline timeline_;
  std::vector<Marker> markers_;
  std::vector<std::string> losses_;
  std::vector<Rational> known_rates_;
  bool is_ours_ = false;
};

}  // namespace studio::otio_form
