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
  // A model that others wait for keeps its place at least this long while it is asked for without
  // a pause, and at least 4 times what it took to load, at most `longest_turn`. It bounds the wait
  // of the others: (models waiting before it) x (turn + running answers + load).
  std::chrono::milliseconds turn = std::chrono::seconds(5);
  std::chrono::milliseconds longest_turn = std::chrono::seconds(30);
  // An idle model whose clients have come back quickly is not taken away the instant it idles, but
  // after this multiple of their usual pause (Iyer and Druschel, "Anticipatory scheduling", SOSP
  // 2001), at most `longest_pause`. One client that alternates between two models never waits for it.
  double anticipation = 3;
  std::chrono::milliseconds longest_pause = std::chrono::milliseconds(500);
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
  };
  std::vector<View> models() const;
  std::optional<View> model(std::string_view id) const;
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
    int leases = 0;
    std::optional<Time> last_used;  // a lease began or ended
    std::optional<Time> ready_since;
    std::optional<Time> idle_since;       // ready and without leases
    std::optional<double> usual_pause_s;  // between an answer and the next request
    double load_seconds = 0, mean_lease_s = 0;
    bool wanted = false;   // load() was called
    bool closing = false;  // ready, but takes no new leases: its turn is over
    std::string closing_why;
    Error failure;
    std::optional<Time> retry_at;
  };

  ResidencyOptions options_;
  MemoryAmount budget_;
  std::map<std::string, Model, std::less<>> models_;
  std::map<Ticket, std::pair<std::string, Time>> granted_;
};

}  // namespace studio
