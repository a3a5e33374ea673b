// Which models are in memory, who waits for which, who goes: the policy as a pure state machine.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace studio {

// Bytes in the two places a model can lie. Without a card everything is on the host.
struct MemoryAmount {
  std::uint64_t gpu = 0, host = 0;
  bool fits_in(const MemoryAmount& room) const { return gpu <= room.gpu && host <= room.host; }
  friend bool operator==(const MemoryAmount&, const MemoryAmount&) = default;
};
MemoryAmount operator+(const MemoryAmount& a, const MemoryAmount& b);
MemoryAmount operator-(const MemoryAmount& a, const MemoryAmount& b);  // never below zero

struct ResidencyOptions {
  // A model that others wait for keeps its place this long (and 4 times what it took to load, at most
  // `longest_turn`), as long as it is asked for without a pause. It bounds the wait of the others:
  // each model waiting before it has one turn, then its running answers end, then the next loads.
  std::chrono::milliseconds turn = std::chrono::seconds(5);
  std::chrono::milliseconds longest_turn = std::chrono::seconds(30);
  // Within its turn, a model that just answered is given up at once, unless its clients use to come
  // back soon: then it is held for `anticipation` times their usual pause (Iyer and Druschel,
  // "Anticipatory scheduling", SOSP 2001). Pauses that would hold it longer than `longest_pause`, or
  // half of what it took to load, are not waited for: a client that alternates between two models
  // comes back only after the other has answered, and so gets its switch at once.
  double anticipation = 2;
  std::chrono::milliseconds longest_pause = std::chrono::milliseconds(200);
  std::chrono::milliseconds idle_unload = std::chrono::minutes(10);  // 0: never
  int max_waiting_per_model = 64;
  int max_waiting = 256;
};

struct ResidentSpec {
  std::string id;
  MemoryAmount need;    // when loaded
  int places = 1;       // leases at the same time
  bool pinned = false;  // never taken away for another, nor when idle
  // Beside no other exclusive model, whatever the bytes say (an engine that takes a whole card).
  bool exclusive = false;
};

enum class Residence { cold, loading, ready, draining, failed };

using Ticket = std::uint64_t;  // one request, from asking to release

namespace residency {
struct Load {
  std::string model;
};
// Nobody holds it any more: end it, then call unloaded().
struct Unload {
  std::string model;
  std::string why;  // "make room for qwen2.5-14b", "idle for 600 s", "asked for"
};
struct Grant {
  Ticket ticket;
  std::string model;
};
struct Refuse {
  Ticket ticket;
  Error error;
  double retry_after_s = 0;  // 0: asking again does not help
};
// Read its files into the page cache: it is likely next.
struct Warm {
  std::string model;
};
}  // namespace residency
using ResidencyAction =
    std::variant<residency::Load, residency::Unload, residency::Grant, residency::Refuse, residency::Warm>;

// All calls take the time from the caller and give what is to be done now. Not thread-safe.
//
//   cold --ask--> loading --loaded--> ready --(others need the room, or idle)--> draining --unloaded--> cold
//                    \--load_failed--> failed --(backoff over, or load())--> loading
//
// A lease is never interrupted: a model drains until the last one ends. Requests for one model are
// answered in the order they came; models take turns by the age of their oldest waiting request.
class Residency {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Actions = std::vector<ResidencyAction>;

  explicit Residency(ResidencyOptions options = {}) : options_(options) {}

  // A known id gets new values (need, places, pin); its state stays.
  Actions put_model(const ResidentSpec& spec, Time now);
  // What models may take together: the safe maximum less what others use.
  Actions set_budget(const MemoryAmount& budget, Time now);

  struct Request {
    std::string model;
    std::chrono::milliseconds patience{0};  // 0: as long as it takes
    bool batch = false;                     // long work; counts as one turn however long it lasts
  };
  // The ticket is granted or refused by an action, now or later. A model that was never put: refused
  // with not_found.
  Actions ask(Ticket ticket, const Request& request, Time now);
  Actions cancel(Ticket ticket, Time now);   // while it waits
  Actions release(Ticket ticket, Time now);  // after it was granted

  Actions load(std::string_view model, Time now);  // without a request; also out of `failed`
  Actions unload(std::string_view model, Time now, std::string why = "asked for");  // drains first
  Actions pin(std::string_view model, bool pinned, Time now);

  // What became of the actions.
  Actions loaded(std::string_view model, const MemoryAmount& measured, double seconds, Time now);
  // Waiting requests are refused with the error. A later request loads again after `retry_after`,
  // until then it is refused with the same error.
  Actions load_failed(std::string_view model, const Error& error, std::chrono::milliseconds retry_after,
                      Time now);
  Actions unloaded(std::string_view model, Time now);
  // The engine of a ready model died and is being restarted: as loading, with its memory kept.
  Actions lost(std::string_view model, Time now);

  // Turns, patience, idleness: call at next_time().
  Actions tick(Time now);
  std::optional<Time> next_time() const;

  struct View {
    std::string id;
    Residence residence = Residence::cold;
    MemoryAmount bytes;  // need, or what was measured when that is more
    int places = 1, leases = 0, waiting = 0;
    bool pinned = false;
    std::optional<Time> last_used;
    std::string why;  // it is draining, or has failed
  };
  std::vector<View> models() const;
  std::optional<View> model(std::string_view id) const;
  // Ready and with a free place: ask() would grant at once.
  bool ready_now(std::string_view id) const;
  std::optional<Error> failure(std::string_view id) const;  // of a failed one
  int leases() const { return static_cast<int>(granted_.size()); }
  void set_options(const ResidencyOptions& options) { options_ = options; }
  MemoryAmount budget() const { return budget_; }
  MemoryAmount taken() const;  // by loading, ready and draining models
  // "it needs 9.1 GB; 15.5 GB may be used, of which 8.2 GB are taken by pinned a, b"
  std::string arithmetic(std::string_view model) const;

 private:
  struct Waiting {
    Ticket ticket;
    Time since;
    std::optional<Time> deadline;
    bool batch = false;
  };
  struct Model {
    ResidentSpec spec;
    Residence residence = Residence::cold;
    MemoryAmount measured;
    std::deque<Waiting> queue;
    int leases = 0, batches = 0;       // batches are among the leases
    std::optional<Time> wanted_since;  // load() was called and it is not ready yet
    std::optional<Time> last_used;     // a lease began or ended
    std::optional<Time> ready_since;
    std::optional<Time> last_idle;               // when its last lease ended
    std::optional<double> usual_pause_s;         // between an answer and the next request
    double load_seconds = 0, lease_seconds = 0;  // the last load; a mean
    std::optional<std::string> closing;          // why it takes no new leases and goes once the last ends
    std::string closing_for;                     // the model that needs the room, when that is why
    bool warmed = false;                         // for the requests that wait now
    Error failure;
    std::optional<Time> retry_at;  // when failed; none: only load() tries again
    std::map<std::string, int, std::less<>> followed_by;

    bool resident() const;
    bool idle() const { return leases == 0 && queue.empty(); }
    MemoryAmount bytes() const;
  };
  struct Lease {
    std::string model;
    Time since;
    bool batch = false;
  };
  struct Placing;

  void settle(Time now, Actions& actions);
  void expire(Time now, Actions& actions);
  void place(Time now, Actions& actions);
  bool make_room(Model& wanting, Placing& placing, Time now);
  void grant(Model& model, const Waiting& waiting, Time now, Actions& actions);
  void grant_waiting(Time now, Actions& actions);
  void reopen();
  void unload_closed(Actions& actions);
  void close_idle(Time now);
  void close_over_budget();
  void refuse_all(Model& model, const Error& error, double retry_after_s, Actions& actions);
  void note_pause(Model& model, Time now);
  void note_order(Model& model);
  void warm_next(const Model& model, Actions& actions);
  Time may_leave(const Model& model) const;
  std::chrono::milliseconds turn_of(const Model& model) const;
  double retry_after(const Model& model) const;
  MemoryAmount pinned_by_others(const Model& model) const;
  bool can_ever_fit(const Model& model) const;
  std::string arithmetic(const Model& model) const;
  Model* find(std::string_view id);
  const Model* find(std::string_view id) const;
  void wake_at(Time time);

  ResidencyOptions options_;
  MemoryAmount budget_;
  std::map<std::string, Model, std::less<>> models_;
  std::map<Ticket, Lease> granted_;
  std::map<Ticket, std::string> waiting_;
  std::string last_asked_;
  bool somebody_waits_ = false;  // for a lease or for a load
  std::optional<Time> wake_;
};

}  // namespace studio
