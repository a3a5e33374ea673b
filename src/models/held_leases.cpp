// Leases of other processes: named, renewed, and gone when they expire or their process has died.
#include <cerrno>
#include <csignal>
#include <fstream>
#include <iterator>
#include <random>

#include <fmt/format.h>

#include "models/manager_state.h"

namespace studio {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kLongestHold = std::chrono::hours(24);

std::string new_id() {
  std::random_device random;
  return fmt::format("lease-{:08x}{:08x}", random(), random());
}

// Field 22 of /proc/<pid>/stat, in clock ticks since boot; 0 when the process is gone.
std::uint64_t born(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  // The second field is a name in brackets that may hold anything.
  std::size_t at = text.rfind(')');
  if (at == std::string::npos) return 0;
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = text.find(' ', at + 1);
  return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at, nullptr, 10);
}

std::unexpected<Error> no_lease(std::string_view id) {
  return fail(ErrorKind::not_found, fmt::format("find the lease {}: there is none, or it has expired", id),
              "ask for a new one");
}

}  // namespace

Result<HeldLease> ModelManager::hold(std::string_view model, std::chrono::milliseconds time,
                                     LeaseOptions options, pid_t pid) {
  if (time <= 0ms || time > kLongestHold)
    return fail(ErrorKind::wrong_usage, fmt::format("hold the model {} for {} ms", model, time.count()),
                "give a time between 1 ms and 24 h, and renew it");
  const std::uint64_t start = pid > 0 ? born(pid) : 0;
  if (pid > 0 && start == 0)
    return fail(ErrorKind::wrong_usage, fmt::format("hold the model {}: there is no process {}", model, pid));
  const std::string holder = options.holder;
  TRY_ASSIGN(ModelLease hold, lease(model, std::move(options)));
  const auto now = std::chrono::system_clock::now();
  HeldLease held{new_id(), hold.model_id(), holder, now, now + time, pid};
  {
    std::lock_guard lock(state_->mutex);
    state_->held.emplace(held.id, State::Held{held, std::move(hold), start});
  }
  state_->wake();
  return held;
}

Result<HeldLease> ModelManager::renew(std::string_view id, std::chrono::milliseconds time) {
  if (time <= 0ms || time > kLongestHold)
    return fail(ErrorKind::wrong_usage, fmt::format("renew the lease {} for {} ms", id, time.count()),
                "give a time between 1 ms and 24 h");
  std::lock_guard lock(state_->mutex);
  const auto found = state_->held.find(id);
  if (found == state_->held.end()) return no_lease(id);
  found->second.lease.expires = std::chrono::system_clock::now() + time;
  return found->second.lease;
}

Result<void> ModelManager::release(std::string_view id) {
  std::optional<ModelLease> ended;  // ends after the mutex
  std::lock_guard lock(state_->mutex);
  const auto found = state_->held.find(id);
  if (found == state_->held.end()) return no_lease(id);
  ended.emplace(std::move(found->second.hold));
  state_->held.erase(found);
  return {};
}

std::vector<HeldLease> ModelManager::held() const {
  std::lock_guard lock(state_->mutex);
  std::vector<HeldLease> leases;
  for (const auto& [id, held] : state_->held) leases.push_back(held.lease);
  return leases;
}

void ModelManager::State::expire_holds() {
  std::vector<ModelLease> ended;
  const auto now = std::chrono::system_clock::now();
  std::lock_guard lock(mutex);
  for (auto at = held.begin(); at != held.end();) {
    const Held& one = at->second;
    const bool dead = one.lease.pid > 0 && born(one.lease.pid) != one.born;
    if (one.lease.expires > now && !dead) {
      ++at;
      continue;
    }
    ended.push_back(std::move(at->second.hold));
    at = held.erase(at);
  }
}

}  // namespace studio
