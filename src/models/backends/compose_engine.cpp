// A service that one command brings up and another takes down: `docker compose up -d NAME`, systemd, a
// script.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/process.h"
#include "models/backends/kinds.h"
#include "models/backends/openai_engine.h"

namespace studio {
namespace {

using namespace std::chrono_literals;

Result<void> run_command(const std::vector<std::string>& command, std::string_view what,
                         const RemoteEngine& remote, std::chrono::milliseconds timeout,
                         std::stop_token stop) {
  if (command.empty()) return {};
  TRY_ASSIGN(const ProcessOutput run, run_process(command, timeout, std::move(stop)));
  if (run.exit_code == 0) return {};
  const std::string words = run.err.empty() ? run.out : run.err;
  return fail(ErrorKind::engine_failed,
              fmt::format("{} the engine {}: {} ended with exit code {}: {}", what, remote.name,
                          fmt::join(command, " "), run.exit_code,
                          words.substr(words.size() > 500 ? words.size() - 500 : 0)),
              "run the command by hand to see why");
}

class ComposeServed : public RemoteServed {
 public:
  ComposeServed(Endpoint api, std::string upstream, RemoteEngine remote)
      : RemoteServed(std::move(api), std::move(upstream), api_key_of(remote)), remote_(std::move(remote)) {}
  ~ComposeServed() override { (void)end(); }

  Result<void> end() override {
    if (std::exchange(ended_, true)) return {};
    return run_command(remote_.stop, "stop", remote_, 2min, {});
  }

 private:
  const RemoteEngine remote_;
  bool ended_ = false;
};

class ComposeKind : public EngineKind {
 public:
  std::string_view name() const override { return "compose"; }
  EngineCapabilities capabilities(const EngineStart& start) const override {
    return remote_capabilities(start);
  }

  Result<std::unique_ptr<ServedModel>> serve(const EngineStart& start,
                                             std::function<void(EngineChange, const Error&)>) const override {
    TRY_ASSIGN(const Endpoint api, api_endpoint(start.remote));
    // From here on it is ours to take down, also when it does not come up.
    auto served = std::make_unique<ComposeServed>(api, start.upstream, start.remote);
    TRY(run_command(start.remote.start, "start", start.remote, start.ready_timeout, start.stop));
    TRY_ASSIGN(const auto listed, wait_for_models(start.remote, api, start.ready_timeout, start.stop));
    if (!start.upstream.empty()) return served;
    TRY_ASSIGN(std::string upstream, upstream_name(start, listed));
    return std::make_unique<Named>(std::move(served), std::move(upstream));
  }

 private:
  // The same service under the name that it listed itself.
  class Named : public RemoteServed {
   public:
    Named(std::unique_ptr<ComposeServed> served, std::string upstream)
        : RemoteServed(served->endpoint(), std::move(upstream), served->api_key()),
          served_(std::move(served)) {}
    Result<void> end() override { return served_->end(); }

   private:
    const std::unique_ptr<ComposeServed> served_;
  };
};

}  // namespace

const EngineKind& compose_kind() {
  static const ComposeKind kind;
  return kind;
}

}  // namespace studio
