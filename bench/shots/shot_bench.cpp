// Finds the shot changes of clips and prints one JSON line a clip: what bench/shots/score.py compares.
//   shot_bench [--detector best|content|adaptive] [--threshold X] [--features FOLDER] [--evidence] CLIP...
// With --features, measured features are kept there, so that a detector can be tried again without decoding.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "analysis/feature_codec.h"
#include "analysis/shots.h"
#include "analysis/transitions.h"
#include "analysis/watch.h"
#include "base/files.h"
#include "base/json.h"

namespace studio {
namespace {

Result<ClipFeatures> features_of(const Path& clip, const Path& folder) {
  const Path kept = folder / (clip.filename().string() + ".features");
  if (!folder.empty()) {
    if (auto bytes = read_file(kept)) {
      if (auto features = decode_features(*bytes)) return features;
    }
  }
  WatchOptions options;
  options.composition = options.audio = false;
  TRY_ASSIGN(auto features, watch(clip, options));
  if (!folder.empty()) TRY(write_file_atomic(kept, encode_features(features)));
  return features;
}

Json changes_of(const ClipFeatures& features, const ShotOptions& options) {
  Json list = Json::array();
  for (const auto& change : find_changes(features, options))
    list.push_back({{"kind", std::string(name_of(change.kind))},
                    {"first", change.first_frame},
                    {"last", change.last_frame},
                    {"boundary", change.boundary()},
                    {"confidence", change.confidence}});
  return list;
}

// The evidence of every candidate, for bench/shots/train.py.
template <std::size_t N>
Json rows_of(const std::vector<ChangeCandidate<N>>& candidates) {
  Json rows = Json::array();
  for (const auto& candidate : candidates) {
    Json row = Json::array({candidate.before, candidate.after});
    for (const float value : candidate.evidence) row.push_back(value);
    rows.push_back(std::move(row));
  }
  return rows;
}

void add_evidence(const ClipFeatures& features, Json& line) {
  const auto search = TransitionSearch::of(features);
  auto fades = find_fades(search);
  const auto edges = find_edge_fades(search);
  const auto at_edge = [&](const ShotChange& fade) {
    return std::any_of(edges.begin(), edges.end(), [&](const ShotChange& edge) {
      return fade.last_frame >= edge.first_frame && fade.first_frame <= edge.last_frame;
    });
  };
  std::erase_if(fades, at_edge);
  auto settled = fades;
  settled.insert(settled.end(), edges.begin(), edges.end());
  std::sort(settled.begin(), settled.end(),
            [](const ShotChange& a, const ShotChange& b) { return a.first_frame < b.first_frame; });
  line["cut_names"] = kCutEvidence;
  line["blend_names"] = kBlendEvidence;
  line["cut_rows"] = rows_of(cut_candidates(search));
  line["blend_rows"] = rows_of(blend_candidates(search, settled));
  line["fades"] = Json::array();
  for (const auto& fade : fades) line["fades"].push_back({fade.first_frame, fade.last_frame});
  line["edges"] = Json::array();
  for (const auto& edge : edges) line["edges"].push_back({edge.first_frame, edge.last_frame});
}

int run(const std::vector<std::string>& arguments) {
  ShotOptions options;
  Path folder;
  bool evidence = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto& argument = arguments[i];
    if (argument == "--detector" && i + 1 < arguments.size()) {
      const auto& name = arguments[++i];
      options.detector = name == "content"    ? ShotDetector::content
                         : name == "adaptive" ? ShotDetector::adaptive
                                              : ShotDetector::best;
    } else if (argument == "--features" && i + 1 < arguments.size()) {
      folder = arguments[++i];
    } else if (argument == "--threshold" && i + 1 < arguments.size()) {
      options.threshold = std::stod(arguments[++i]);
    } else if (argument == "--evidence") {
      evidence = true;
    } else {
      const auto begin = std::chrono::steady_clock::now();
      const auto features = features_of(argument, folder);
      const auto measured = std::chrono::steady_clock::now();
      if (!features) {
        std::fprintf(stderr, "%s\n", features.error().message.c_str());
        return exit_code(features.error().kind);
      }
      Json line{{"clip", argument},
                {"frames", features->frames.size()},
                {"changes", changes_of(*features, options)}};
      const auto found = std::chrono::steady_clock::now();
      line["features_s"] = std::chrono::duration<double>(measured - begin).count();
      line["detect_s"] = std::chrono::duration<double>(found - measured).count();
      if (evidence) add_evidence(*features, line);
      std::printf("%s\n", to_text(line, -1).c_str());
      std::fflush(stdout);
    }
  }
  return 0;
}

}  // namespace
}  // namespace studio

int main(int argc, char** argv) {
  return studio::run({argv + 1, argv + argc});
}
