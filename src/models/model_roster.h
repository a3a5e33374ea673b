// All models the manager knows and how each is run: the catalog's, plain files, engines by URL.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/engine_kind.h"
#include "models/measured_peaks.h"
#include "models/memory_need.h"
#include "models/model_manager.h"
#include "models/residency.h"

namespace studio {

struct RosterModel {
  std::string id, task;
  std::string engine;  // the kind, or the name of an engine by URL
  std::vector<std::string> aliases;
  const EngineKind* kind = nullptr;
  EngineStart start;
  EngineCapabilities capabilities;
  int weight = 1, places = 1;
  bool remote = false;
  std::uint64_t known_bytes = 0;  // of memory, from the catalog or the configuration; 0: not known
};

// What the card and the machine could give one model at most.
struct MemoryRoom {
  bool card = false;
  MemoryAmount most;
};

struct NeedEstimate {
  MemoryAmount need;
  std::optional<int> gpu_layers;  // fewer than all: partial offload
  std::string settings;           // the key of its measured peaks
};

class Roster {
 public:
  static Result<Roster> create(const ManagerOptions& options, bool card);

  const std::vector<RosterModel>& models() const { return models_; }
  // By id, alias, "<engine>/<model>", a model that exactly one engine by URL names, or an engine without
  // a list of models. Errors: not_found.
  Result<RosterModel> find(std::string_view name) const;
  // The catalog's choice for a task; empty when it makes none.
  std::string default_model(std::string_view task) const { return std::string(catalog_.default_model(task)); }
  // Fills in where the files are. missing_part, invalid_input (wrong size), unsupported.
  Result<void> locate(RosterModel& model) const;
  bool present(const RosterModel& model) const;

 private:
  void add_catalog(const ManagerOptions& options, bool card);
  void add_files(const ManagerOptions& options, bool card);
  void add_engines(const ManagerOptions& options);

  ModelCatalog catalog_;
  std::vector<RosterModel> models_;
  std::vector<RemoteEngine> engines_;
  std::string draft_;
};

// Headers that were read, by file, until the file changes. May be used from several threads.
class ShapeCache {
 public:
  // Null when the header cannot be read, or is no language model's.
  std::shared_ptr<const ModelShape> of(const Path& file);
  // invalid_input when the file, or one of a split model's, is no GGUF file or is cut off.
  Result<void> sound(const Path& file);

 private:
  struct Known {
    std::filesystem::file_time_type time;
    std::uintmax_t bytes = 0;
    std::shared_ptr<const ModelShape> shape;
    std::optional<Error> broken;
  };
  Known look(const Path& file);

  std::mutex mutex_;  // guards known_
  std::map<Path, Known> known_;
};

// Computed from the file's header where there is one, else what the catalog says, else by its size;
// corrected by what was measured. A model that does not fit whole onto the card gets as many layers
// there as fit; when not even that helps, the whole need, so that the refusal tells it.
NeedEstimate estimate_need(const RosterModel& model, const MemoryRoom& room, MeasuredPeaks& peaks,
                           ShapeCache& shapes);

}  // namespace studio
