// Reads style files (configs/styles/*.yaml): the only file of this room that knows yaml-cpp.
#include "editing/style.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include "base/files.h"
#include "editing/parody.h"

namespace studio {
namespace {

constexpr std::size_t kLargestFile = 256 * 1024;

// Throws YAML::Exception; caught at the one entrance.
Range range_of(const YAML::Node& node) {
  if (node.IsSequence() && node.size() == 2) return {node[0].as<double>(), node[1].as<double>()};
  double value = node.as<double>();
  return {value, value};
}

void only_keys(const YAML::Node& node, const std::set<std::string>& known, const std::string& place) {
  for (const auto& entry : node) {
    auto key = entry.first.as<std::string>();
    if (!known.contains(key))
      throw YAML::Exception(entry.first.Mark(), fmt::format("{} has no key \"{}\"; it knows {}", place, key,
                                                            fmt::join(known, ", ")));
  }
}

StyleMoment moment_of(const YAML::Node& node, const std::string& place) {
  only_keys(node,
            {"at", "effect", "params", "duration_s", "count", "chance", "from_intensity", "speed", "freeze_s",
             "reverse", "sound", "text", "kind", "position"},
            place);
  StyleMoment m;
  m.at = node["at"].as<std::string>("motion_peak");
  static const std::set<std::string> places{"opening", "ending", "motion_peak", "cut",
                                            "beat",    "piece",  "loud",        "calm"};
  if (!places.contains(m.at))
    throw YAML::Exception(node.Mark(),
                          fmt::format("{}: at \"{}\" is none of {}", place, m.at, fmt::join(places, ", ")));
  m.effect = node["effect"].as<std::string>("");
  m.sound = node["sound"].as<std::string>("");
  m.text_kind = node["kind"].as<std::string>("caption");
  m.position = node["position"].as<std::string>("");
  if (const auto text = node["text"]) {
    if (text.IsSequence())
      m.texts = text.as<std::vector<std::string>>();
    else
      m.texts = {text.as<std::string>()};
  }
  for (const auto& entry : node["params"]) {
    auto key = entry.first.as<std::string>();
    bool numeric = entry.second.IsSequence();
    if (!numeric) {
      double ignored = 0;
      numeric = YAML::convert<double>::decode(entry.second, ignored);
    }
    if (numeric)
      m.params[key] = range_of(entry.second);
    else
      m.words[key] = entry.second.as<std::string>();
  }
  if (node["duration_s"]) m.duration_s = range_of(node["duration_s"]);
  if (node["count"]) m.count = range_of(node["count"]);
  m.chance = node["chance"].as<double>(1);
  m.from_intensity = node["from_intensity"].as<double>(0);
  m.factor = node["speed"].as<double>(0);
  m.hold_s = node["freeze_s"].as<double>(0);
  m.reverse = node["reverse"].as<bool>(false);
  return m;
}

Style style_of(const YAML::Node& root, const std::string& id) {
  if (!root.IsMap()) throw YAML::Exception(YAML::Mark::null_mark(), "the file is no list of keys");
  only_keys(root,
            {"description", "duration_s", "pace", "order", "picks", "look", "moments", "transition",
             "transition_s", "opening_fade", "ending_fade"},
            "the style");
  Style style;
  style.id = id;
  style.description = root["description"].as<std::string>("");
  style.duration_s = std::clamp(root["duration_s"].as<double>(15), 1.0, 3600.0);
  std::string pace = root["pace"].as<std::string>("");
  style.pace = pace == "fast"     ? Pace::fast
               : pace == "slow"   ? Pace::slow
               : pace == "medium" ? Pace::medium
                                  : Pace::automatic;
  style.order = root["order"].as<std::string>("");
  for (const auto& entry : root["picks"]) style.picks[entry.first.as<std::string>()] = range_of(entry.second);
  for (const auto& node : root["look"]) style.look.push_back(moment_of(node, "look"));
  for (const auto& node : root["moments"]) style.moments.push_back(moment_of(node, "moments"));
  style.transition = root["transition"].as<std::string>("");
  style.transition_s = root["transition_s"].as<double>(0.5);
  style.opening_fade = root["opening_fade"].as<std::string>("");
  style.ending_fade = root["ending_fade"].as<std::string>("");
  return style;
}

bool plain_name(const std::string& id) {
  return !id.empty() && id.size() < 64 &&
         std::ranges::all_of(
             id, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-'; });
}

void collect(const Path& folder, std::vector<StyleInfo>& out) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() != ".yaml") continue;
    std::string id = entry.path().stem().string();
    if (!plain_name(id) || std::ranges::any_of(out, [&](const StyleInfo& s) { return s.id == id; })) continue;
    out.push_back({id, "", entry.path()});
  }
}

}  // namespace

Result<Style> style_from_yaml(const std::string& text, const std::string& id, const std::string& origin) {
  try {
    return style_of(YAML::Load(text), id);
  } catch (const YAML::Exception& e) {
    return fail(ErrorKind::invalid_input, fmt::format("read the style {}: {}", origin, e.what()),
                "configs/styles/dramatic.yaml shows every key");
  }
}

Result<std::vector<StyleInfo>> list_styles() {
  std::vector<StyleInfo> styles;
  collect(config_folder() / "styles", styles);
  if (auto shipped = shipped_config("styles/dramatic.yaml")) collect(shipped->parent_path(), styles);
  for (StyleInfo& info : styles) {
    auto text = read_file(info.file, kLargestFile);
    auto style = text ? style_from_yaml(*text, info.id, info.file.string())
                      : Result<Style>(std::unexpected(text.error()));
    info.description = style ? style->description : "cannot be read: " + style.error().message;
  }
  std::ranges::sort(styles, {}, &StyleInfo::id);
  return styles;
}

Result<Style> read_style(const std::string& id) {
  TRY_ASSIGN(auto styles, list_styles());
  for (const StyleInfo& info : styles) {
    if (info.id != id) continue;
    TRY_ASSIGN(std::string text, read_file(info.file, kLargestFile));
    return style_from_yaml(text, id, info.file.string());
  }
  std::vector<std::string> known;
  for (const StyleInfo& info : styles) known.push_back(info.id);
  return fail(ErrorKind::not_found, fmt::format("there is no style \"{}\"", id),
              fmt::format("known styles: {}; a new one is a file {}/styles/{}.yaml", fmt::join(known, ", "),
                          config_folder().string(), plain_name(id) ? id : "NAME"));
}

Result<std::optional<Style>> style_for(const Brief& brief, const std::string& option) {
  const std::string& id = option.empty() ? brief.style : option;
  if (id.empty()) return std::optional<Style>{};
  auto style = read_style(id);
  if (style) return std::optional<Style>{*std::move(style)};
  if (option.empty()) return std::optional<Style>{};
  return std::unexpected(style.error());
}

}  // namespace studio
