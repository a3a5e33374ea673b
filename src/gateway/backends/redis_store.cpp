// Kept answers in Redis: short timeouts, a few connections, and a pause after a failure, so that a Redis that
// is down makes one request in a while slower and none fail.
#include <hiredis/hiredis.h>

#include <atomic>
#include <charconv>
#include <memory>
#include <mutex>

#include <signal.h>
#include <sys/time.h>

#include <fmt/format.h>

#include "gateway/response_cache.h"

namespace studio {
namespace {

using Clock = std::chrono::steady_clock;

struct FreeContext {
  void operator()(redisContext* context) const { redisFree(context); }
};
struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Context = std::unique_ptr<redisContext, FreeContext>;
using Reply = std::unique_ptr<redisReply, FreeReply>;

struct Address {
  std::string host = "127.0.0.1", socket, user, password;
  int port = 6379, database = 0;
};

Result<Address> parse_url(std::string_view url) {
  // Never repeats the URL: it may hold a password.
  const auto wrong = [](std::string_view why) {
    return fail(ErrorKind::wrong_usage, fmt::format("read the cache's Redis URL: {}", why),
                "write redis://[:PASSWORD@]HOST[:PORT][/DATABASE] or unix:/PATH");
  };
  Address address;
  if (url.starts_with("unix:")) {
    address.socket = url.substr(5);
    if (!address.socket.starts_with('/')) return wrong("the socket's path must begin with /");
    return address;
  }
  if (!url.starts_with("redis://")) return wrong("it begins with neither redis:// nor unix:");
  url.remove_prefix(8);
  if (const auto at = url.rfind('@'); at != std::string_view::npos) {
    const auto login = url.substr(0, at);
    const auto colon = login.find(':');
    if (colon == std::string_view::npos) return wrong("a password stands after a colon, \":PASSWORD@HOST\"");
    address.user = login.substr(0, colon);
    address.password = login.substr(colon + 1);
    url.remove_prefix(at + 1);
  }
  const auto number = [](std::string_view text, int& into, int most) {
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), into);
    return failed == std::errc() && end == text.data() + text.size() && into >= 0 && into <= most;
  };
  if (const auto slash = url.find('/'); slash != std::string_view::npos) {
    if (slash + 1 < url.size() && !number(url.substr(slash + 1), address.database, 1 << 20))
      return wrong("the database after the / is a number");
    url = url.substr(0, slash);
  }
  if (const auto colon = url.rfind(':'); colon != std::string_view::npos && !url.ends_with(']')) {
    if (!number(url.substr(colon + 1), address.port, 65535) || address.port == 0)
      return wrong("the port is no number");
    url = url.substr(0, colon);
  }
  if (url.starts_with('[') && url.ends_with(']')) url = url.substr(1, url.size() - 2);
  if (!url.empty()) address.host = url;
  return address;
}

// hiredis writes to sockets whose other side may be gone, which raises SIGPIPE: kept from the process while
// this lives, and taken off the thread's list if it came.
class WithoutSigpipe {
 public:
  WithoutSigpipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  WithoutSigpipe(const WithoutSigpipe&) = delete;
  WithoutSigpipe& operator=(const WithoutSigpipe&) = delete;
  ~WithoutSigpipe() {
    const timespec now{0, 0};
    if (!was_pending_) sigtimedwait(&pipe_, nullptr, &now);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_{}, before_{};
  bool was_pending_ = false;
};

timeval to_timeval(std::chrono::milliseconds time) {
  return {time.count() / 1000, static_cast<suseconds_t>((time.count() % 1000) * 1000)};
}

class RedisStore : public CacheStore {
 public:
  RedisStore(RedisStoreOptions options, Address address)
      : options_(std::move(options)), address_(std::move(address)) {}

  Result<std::optional<std::string>> get(std::string_view key) override {
    const std::string name = name_of(key);
    TRY_ASSIGN(const Reply reply, ask({"GET", name}));
    if (reply->type == REDIS_REPLY_STRING) return std::optional(std::string(reply->str, reply->len));
    return std::optional<std::string>();
  }

  Result<void> put(std::string_view key, std::string_view value, std::chrono::seconds max_age) override {
    const std::string name = name_of(key), age = std::to_string(std::max<std::int64_t>(1, max_age.count()));
    TRY(ask({"SET", name, value, "EX", age}));
    return {};
  }

  Result<void> clear() override {
    std::string cursor = "0";
    const std::string pattern = options_.prefix + "*";
    do {
      TRY_ASSIGN(const Reply reply, ask({"SCAN", cursor, "MATCH", pattern, "COUNT", "500"}));
      if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) break;
      cursor.assign(reply->element[0]->str, reply->element[0]->len);
      const redisReply& keys = *reply->element[1];
      std::vector<std::string_view> command{"DEL"};
      for (std::size_t i = 0; i < keys.elements; ++i)
        command.emplace_back(keys.element[i]->str, keys.element[i]->len);
      if (command.size() > 1) TRY(ask(command));
    } while (cursor != "0");
    return {};
  }

  // False while it is known to be down: then nothing waits for it.
  bool may_have(std::string_view) const override {
    return Clock::now().time_since_epoch().count() >= down_until_.load(std::memory_order_relaxed);
  }
  std::string_view kind() const override { return "redis"; }

 private:
  std::string name_of(std::string_view key) const {
    std::string out = options_.prefix;
    for (const char c : key) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return out;
  }

  std::unexpected<Error> failure(std::string_view why) {
    down_until_.store((Clock::now() + options_.retry_after).time_since_epoch().count(),
                      std::memory_order_relaxed);
    return fail(ErrorKind::engine_failed, fmt::format("ask Redis: {}", why),
                "the gateway goes on without it");
  }

  Result<Context> connect() {
    const timeval patience = to_timeval(options_.connect_timeout);
    Context context(address_.socket.empty()
                        ? redisConnectWithTimeout(address_.host.c_str(), address_.port, patience)
                        : redisConnectUnixWithTimeout(address_.socket.c_str(), patience));
    if (!context || context->err) return failure(context ? context->errstr : "out of memory");
    redisSetTimeout(context.get(), to_timeval(options_.timeout));
    const auto expect = [&](const std::vector<std::string_view>& command) -> Result<void> {
      const Reply reply = send(*context, command);
      if (!reply) return failure(context->errstr);
      if (reply->type == REDIS_REPLY_ERROR) return failure(std::string_view(reply->str, reply->len));
      return {};
    };
    if (!address_.password.empty()) {
      if (address_.user.empty()) {
        TRY(expect({"AUTH", address_.password}));
      } else {
        TRY(expect({"AUTH", address_.user, address_.password}));
      }
    }
    if (address_.database != 0) TRY(expect({"SELECT", std::to_string(address_.database)}));
    return context;
  }

  static Reply send(redisContext& context, const std::vector<std::string_view>& command) {
    const WithoutSigpipe guard;
    std::vector<const char*> parts;
    std::vector<std::size_t> sizes;
    for (const std::string_view part : command) {
      parts.push_back(part.data());
      sizes.push_back(part.size());
    }
    return Reply(static_cast<redisReply*>(
        redisCommandArgv(&context, static_cast<int>(parts.size()), parts.data(), sizes.data())));
  }

  Result<Reply> ask(const std::vector<std::string_view>& command) {
    if (!may_have({})) return fail(ErrorKind::engine_failed, "ask Redis: it was down a moment ago");
    Context context = take();
    const bool kept = context != nullptr;
    if (!context) {
      TRY_ASSIGN(context, connect());
    }
    Reply reply = send(*context, command);
    // A kept connection may have been closed by the other side meanwhile: once more with a new one.
    if (!reply && kept) {
      TRY_ASSIGN(context, connect());
      reply = send(*context, command);
    }
    if (!reply) return failure(context->errstr);
    if (reply->type == REDIS_REPLY_ERROR) {
      const std::string why(reply->str, reply->len);
      give(std::move(context));
      return failure(why);
    }
    give(std::move(context));
    return reply;
  }

  Context take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return nullptr;
    Context context = std::move(idle_.back());
    idle_.pop_back();
    return context;
  }
  void give(Context context) {
    const std::lock_guard lock(mutex_);
    if (idle_.size() < static_cast<std::size_t>(options_.connections)) idle_.push_back(std::move(context));
  }

  RedisStoreOptions options_;
  Address address_;
  std::atomic<std::int64_t> down_until_{0};
  std::mutex mutex_;  // of idle_
  std::vector<Context> idle_;
};

}  // namespace

Result<std::unique_ptr<CacheStore>> open_redis_store(const RedisStoreOptions& options) {
  TRY_ASSIGN(Address address, parse_url(options.url));
  return std::unique_ptr<CacheStore>(std::make_unique<RedisStore>(options, std::move(address)));
}

}  // namespace studio
