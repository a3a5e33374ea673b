// The inside of ModelManager: what its threads share, and who does what. See manager_state.cpp.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "models/model_manager.h"
#include "models/model_roster.h"

namespace studio {

// What all leases of one loaded model share. Constant.
struct Serving {
  Endpoint endpoint;
  std::string model_id, upstream, api_key, engine;
  EngineCapabilities capabilities;
  pid_t pid = -1;
  int restarts = 0;  // when it was made
  std::shared_ptr<ServedModel> served;
};

struct ModelLease::State {
  std::weak_ptr<ModelManager::State> manager;
  Ticket ticket = 0;
  std::shared_ptr<const Serving> serving;
  ~State();
};

// Threads: callers ask and release under the mutex, which is never held while anything blocks. Each
// load and each unload is a worker of its own. One more thread keeps the time: turns, patience, idleness,
// held leases that expire, the budget, and the events in their order.
struct ModelManager::State : std::enable_shared_from_this<ModelManager::State> {
  using Clock = std::chrono::steady_clock;
  using WallTime = std::chrono::system_clock::time_point;
  using Then = std::function<void(Result<ModelLease>)>;
  // What is called once the mutex is free again.
  using Outbox = std::vector<std::function<void()>>;

  struct Entry {
    RosterModel model;
    std::shared_ptr<const Serving> serving;  // while it is loaded
    pid_t pid = -1;                          // of its engine, from the start until its memory is back
    std::uint64_t life = 0;                  // counts loads; a change of an earlier life is ignored
    bool prepared = false;                   // files found, need computed, known to the policy
    std::filesystem::file_time_type file_time{};
    std::string settings;  // of its measured peaks
    MemoryAmount need, held, peak;
    ModelState shown = ModelState::cold;
    bool here = false;  // its files are on this machine
    bool pulling = false;
    bool forgotten = false;  // no configuration or catalog has it any more
    int failures = 0;        // loads in a row that failed
    int restarts = 0;
    double load_seconds = 0, drain_seconds = 0, end_seconds = 0;
    std::optional<Clock::time_point> load_begun, drain_begun;
    std::stop_source load_stop;
    std::optional<WallTime> last_used;
    Path log;
    std::string last_failure;
    // What became of the engine before its load was told to the policy.
    std::optional<std::pair<EngineChange, Error>> early_change;
  };
  struct Pending {
    std::string model;
    Then then;
    LeaseOptions options;
    std::unique_ptr<std::stop_callback<std::function<void()>>> on_stop;
  };
  struct Held {
    HeldLease lease;
    ModelLease hold;
    std::uint64_t born = 0;  // start time of the holder's process, so that a reused number is noticed
  };

  explicit State(ManagerOptions given)
      : options(std::move(given)), policy(options.residency), peaks(options.peaks) {}

  // --- asking (manager_state.cpp)
  void lease_async(std::string_view name, LeaseOptions lease_options, Then then);
  std::optional<ModelLease> try_lease(std::string_view name);
  void cancel(Ticket ticket);
  void release(Ticket ticket);
  // Under the mutex: carries out what the policy wants; calls of others go into the outbox.
  void apply(const Residency::Actions& actions, Outbox& outbox);
  void show_states();  // events for what has changed
  Result<Entry*> entry_of(std::string_view name);
  ModelLease make_lease(const Entry& entry, Ticket ticket);
  static void deliver(Outbox& outbox);

  // --- engines (manager_engines.cpp)
  // Finds the files and computes the need when that is not known yet, without the mutex.
  Result<void> prepare(const std::string& id);
  MemoryRoom room_for(const std::string& id);
  void start_load(const std::string& id);
  void start_unload(const std::string& id);
  void run_load(const std::string& id, std::uint64_t life, const EngineStart& start);
  void run_unload(const std::string& id, std::shared_ptr<const Serving> serving);
  void engine_changed(const std::string& id, std::uint64_t life, EngineChange change, const Error& reason);
  Result<void> check_room(const std::string& id, const MemoryAmount& need, const std::stop_token& stop);
  bool given_back(pid_t pid, std::chrono::milliseconds patience) const;
  void warm(const std::string& id);
  void worker(std::function<void(std::stop_token)> work);
  void reap_workers(bool all);

  std::shared_ptr<const Roster> roster_now() const;

  // --- time and memory (manager_clock.cpp)
  void keep_time(const std::stop_token& stop);
  void refresh_budget();  // without the mutex: monitors take their time
  void sample_memory();
  void expire_holds();
  void dispatch_events();
  std::vector<pid_t> engine_pids() const;
  ManagerMemory memory_now() const;
  MemoryAmount measure(pid_t pid) const;
  void wake();

  ManagerOptions options;
  std::shared_ptr<MemoryMonitor> gpu, host;  // gpu may be null
  bool local_card = false;                   // our own engines can use the card

  mutable std::mutex mutex;  // guards all below up to the next comment
  std::shared_ptr<const Roster> roster;
  Residency policy;
  std::map<std::string, Entry, std::less<>> entries;
  std::map<Ticket, Pending> pending;
  std::map<std::string, Held, std::less<>> held;
  Ticket last_ticket = 0;
  std::deque<ModelEvent> events;
  std::uint64_t last_event = 0;
  bool draining = false;
  bool waken = false;
  std::condition_variable_any changed;  // a state, or the number of leases
  std::condition_variable_any clock_wake;

  MeasuredPeaks peaks;
  ShapeCache shapes;

  // Its mutex is held during a call, so that whoever ends a subscription is not called afterwards; it may
  // be ended from within the call too.
  struct Subscriber {
    std::recursive_mutex mutex;  // guards ended
    bool ended = false;
    std::function<void(const ModelEvent&)> call;
  };
  std::mutex subscribers_mutex;  // guards the list
  std::vector<std::shared_ptr<Subscriber>> subscribers;

  struct Worker {
    std::jthread thread;
    std::shared_ptr<std::atomic<bool>> done;
  };
  std::mutex workers_mutex;  // guards workers
  std::list<Worker> workers;
  bool no_more_workers = false;
  std::jthread clock;
};

std::unexpected<Error> shutting_down();
// Stops and joins it; on the thread itself it is let go instead, and ends once it returns.
void end_thread(std::jthread& thread);

}  // namespace studio
