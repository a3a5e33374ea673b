// Parts of the timeline's JSON form that its other file formats carry along as metadata.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "timeline/timeline.h"

namespace studio::value_json {

// "key": "num/den" and "key_s": seconds.
void write_time(Json& out, const std::string& key, Time time);
Time read_time(JsonReader& reader, const std::string& key);
void write_range(Json& out, const std::string& key, const TimeRange& range);

Json write_clip(const Clip& clip);
Result<Clip> read_clip(const Json& json, const std::string& path);
Json write_effect(const Effect& effect);
Result<Effect> read_effect(const Json& json, const std::string& path);
Json write_params(const std::map<std::string, Parameter>& params);
Result<std::map<std::string, Parameter>> read_params(const Json& json, const std::string& path);

}  // namespace studio::value_json
