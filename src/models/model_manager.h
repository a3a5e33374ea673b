// The one way to a model in the whole house: leases on engines that are started, kept and freed under one
// budget.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "models/catalog.h"
#include "models/engine_kind.h"
#include "models/memory_monitor.h"
#include "models/residency.h"

namespace studio {

enum class ModelState { absent, pulling, cold, loading, ready, draining, failed };
std::string_view name_of(ModelState state);

// A model that is only a file, not in the catalog.
struct FileModel {
  std::string id;
  Path file, mmproj;
  std::string task = "chat";
};

struct ManagerOptions {
  std::optional<ModelCatalog> catalog;  // none: loaded with CatalogOptions{}
  std::vector<FileModel> files;
  std::vector<RemoteEngine> engines;
  std::vector<std::string> pinned;
  std::string cache_type;  // of the KV cache of models that chat, as cache_type_of() reads it; empty: f16
  std::string draft;       // a small model that drafts for the other chat models; empty: none
  // The safe maximum as a share of the memory there is: 15.5 of 16 GB. Others' use is taken off.
  double budget_share = 15.5 / 16;
  std::uint64_t budget_bytes = 0;  // of the card, or of the host without one; 0: by the share
  ResidencyOptions residency;
  int context = 8192, slots = 0, threads = 0;  // slots 0: 4 beside a card, else 2
  int restarts = 5;                            // of one engine within restart_window; more is a crash loop
  std::chrono::seconds restart_window{120};    // 0: for ever
  std::chrono::milliseconds ready_timeout = std::chrono::seconds(300);
  Path peaks;  // SQLite of measured needs; empty: cache_folder()/models.db
  // Null: the card's when there is one and an engine that can use it; the host's.
  std::shared_ptr<MemoryMonitor> gpu, host;
  bool warm_page_cache = true;
};

struct LeaseOptions {
  std::string holder{};                   // for lists: "gateway req-17", "auto-edit"
  std::chrono::milliseconds patience{0};  // longest wait for the lease; 0: as long as it takes
  bool batch = false;                     // long work that chat must not interrupt or starve
  std::stop_token stop{};
};

// Carried by an error of kind limit_exceeded: the queue is full, ask again later (HTTP 429, Retry-After).
struct Busy {
  double retry_after_s = 1;
};
// Reads it from the error's hint; nothing for other errors.
std::optional<Busy> busy_of(const Error& error);

// While it lives, the model stays. Ends with its value; ending is thread-safe and quick. Outlives the
// manager safely.
class ModelLease {
 public:
  ModelLease(ModelLease&&) noexcept;
  ModelLease& operator=(ModelLease&&) noexcept;
  ~ModelLease();

  // With the API's prefix: "http://localhost/v1" (and a Unix socket), "https://host/openai/v1". What is
  // asked is appended: "/chat/completions", "/embeddings", "/rerank", "/responses", "/messages".
  const Endpoint& endpoint() const;
  const std::string& model_id() const;
  const std::string& upstream_model() const;  // to put into the request's `model`
  const std::string& api_key() const;         // empty: none needed
  const std::string& engine() const;          // kind, or the name of an engine by URL
  const EngineCapabilities& capabilities() const;
  pid_t pid() const;  // -1 when it is not a child of ours
  // After a broken connection: true once the engine behind this lease is known to have died. The
  // lease is of no more use then; a new one waits for the restarted engine.
  bool lost(std::chrono::milliseconds patience) const;

 private:
  friend class ModelManager;
  struct State;
  explicit ModelLease(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

struct ModelStatus {
  std::string id;
  ModelState state = ModelState::cold;
  std::string engine;  // kind, or the name of an engine by URL
  std::string task;
  pid_t pid = -1;
  std::uint64_t bytes = 0;  // held now (measured) or needed (computed)
  int leases = 0, waiting = 0, places = 1;
  bool pinned = false;
  int restarts = 0;
  double load_seconds = 0;  // the last load
  std::optional<std::chrono::system_clock::time_point> last_used;
  std::string failure;  // when failed
  Path log;             // of its engine; empty when not ours
  EngineCapabilities capabilities;
};

struct ManagerMemory {
  MemoryReading reading;  // of the card, or of the host without one
  MemoryReading host;
  std::uint64_t budget_bytes = 0;  // what models may take together now
};

struct ModelEvent {
  std::uint64_t number = 0;  // rises by one
  std::chrono::system_clock::time_point time;
  std::string model;
  ModelState from = ModelState::cold, to = ModelState::cold;
  std::string why;     // "make room for ...", an error, "restart 2"
  double seconds = 0;  // of a load
  std::uint64_t bytes = 0;
};

struct SwitchReport {
  std::string from, to;  // from: empty when none was loaded
  double seconds = 0;
  // "drain", "unload", "start", "ready", in order, in seconds. Parts may overlap: starting the new
  // engine does not wait for the old one where the budget has room for both.
  std::vector<std::pair<std::string, double>> parts;
};

// A lease held by somebody outside this process; ends at release, expiry, or its process's death.
struct HeldLease {
  std::string id, model, holder;
  std::chrono::system_clock::time_point since, expires;
  pid_t pid = -1;
};

// One target that a name can mean; the router chooses.
struct ModelTarget {
  std::string id;      // for lease(): "qwen2.5-coder-0.5b", or "<engine>/<model>" for engines by URL
  std::string engine;  // kind, or the engine's name
  int weight = 1;
  std::string task;
  EngineCapabilities capabilities;
};

// May be used from all threads.
class ModelManager {
 public:
  static Result<std::shared_ptr<ModelManager>> create(ManagerOptions options = {});
  ~ModelManager();  // as drain(0 s)
  ModelManager(const ModelManager&) = delete;
  ModelManager& operator=(const ModelManager&) = delete;

  // A model name is a catalog id or alias, a file's id, "<engine>/<model>", or a model that exactly
  // one engine by URL names. Errors: not_found, missing_part (not on this machine), limit_exceeded
  // (does not fit, with the arithmetic; or Busy), engine_failed, timeout, interrupted.
  //
  // The lease when the model is ready and has a free place, at once; nothing otherwise.
  std::optional<ModelLease> try_lease(std::string_view model, std::string_view holder = {});
  // `then` is called exactly once: before this returns, or from another thread (never blocks it for
  // long). When options.stop is requested first it is called with interrupted.
  void lease_async(std::string_view model, LeaseOptions options,
                   std::function<void(Result<ModelLease>)> then);
  Result<ModelLease> lease(std::string_view model, LeaseOptions options = {});

  // Runs `use` with a lease on the default model of a task; image and voice engines come with their modules.
  template <typename Use>
  auto with_llm(Use&& use, LeaseOptions options = {}) {
    return with_task("chat", std::forward<Use>(use), std::move(options));
  }
  template <typename Use>
  auto with_image(Use&& use, LeaseOptions options = {}) {
    return with_task("image", std::forward<Use>(use), std::move(options));
  }
  template <typename Use>
  auto with_tts(Use&& use, LeaseOptions options = {}) {
    return with_task("tts", std::forward<Use>(use), std::move(options));
  }

  // Leases of other processes (HTTP, CLI).
  Result<HeldLease> hold(std::string_view model, std::chrono::milliseconds time, LeaseOptions options = {},
                         pid_t pid = -1);
  Result<HeldLease> renew(std::string_view lease, std::chrono::milliseconds time);
  Result<void> release(std::string_view lease);
  std::vector<HeldLease> held() const;

  Result<void> load(std::string_view model, std::stop_token stop = {});    // blocks until ready
  Result<void> unload(std::string_view model, std::stop_token stop = {});  // drains, blocks until cold
  // Makes `model` ready and frees the others of its task that are not pinned.
  Result<SwitchReport> switch_to(std::string_view model, std::stop_token stop = {});
  Result<void> pin(std::string_view model, bool pinned);

  // All targets of a name; "auto" and "auto:TASK" give the task's default first, then what is ready,
  // then what is here. Empty: unknown.
  std::vector<ModelTarget> targets(std::string_view name) const;
  Result<std::string> default_model(std::string_view task) const;
  std::vector<ModelStatus> models() const;
  ManagerMemory memory() const;
  // Any model that can answer now.
  bool any_ready() const;

  // Called for each change, in order, one at a time, from a thread of the manager; must be quick. The
  // subscription ends with the returned value: once that is gone, no call runs or comes.
  using Subscription = std::shared_ptr<void>;
  [[nodiscard]] Subscription subscribe(std::function<void(const ModelEvent&)> fn);
  // A pull of a model began or ended (it changes absent -> pulling -> cold).
  void note_pull(std::string_view model, bool running);
  // New engines by URL, pins and limits, and another catalog if one is given; running leases are not touched.
  Result<void> reconfigure(const ManagerOptions& options);

  // No new leases; waits up to `patience` for the running ones, then ends all engines.
  void drain(std::chrono::milliseconds patience = std::chrono::seconds(30));

  struct State;  // manager_state.h, inside this room

 private:
  explicit ModelManager(std::shared_ptr<State> state);
  template <typename Use>
  auto with_task(std::string_view task, Use&& use, LeaseOptions options)
      -> decltype(use(std::declval<ModelLease&>())) {
    auto model = default_model(task);
    if (!model) return std::unexpected(std::move(model).error());
    auto held = lease(*model, std::move(options));
    if (!held) return std::unexpected(std::move(held).error());
    return use(*held);
  }
  std::shared_ptr<State> state_;
};

}  // namespace studio
