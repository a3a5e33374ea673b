// Reads gateway.yaml key by key; what is wrong is told with file, line and key.
#include "gateway/config.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include "net/http.h"

namespace studio {
namespace {

// One section of the file. Each reader takes its key out of the list of those not asked for; done() complains
// about the first that nobody asked for. The first error stays; later readers do nothing.
class Section {
 public:
  Section(const YAML::Node& node, std::string path, std::string_view origin, std::optional<Error>& error)
      : node_(node), path_(std::move(path)), origin_(origin), error_(error) {
    if (!node_.IsDefined() || node_.IsNull()) return;
    if (!node_.IsMap()) reject(node_, path_, "expected keys with values");
    if (!node_.IsMap()) return;
    for (const auto& entry : node_) {
      const auto key = entry.first.IsScalar() ? entry.first.Scalar() : std::string("?");
      if (!left_.insert(key).second) reject(entry.first, path_of(key), "is given twice");
    }
  }

  void text(const char* key, std::string& into) {
    read(key, "a text", [&](const std::string& value) { return into = value, true; });
  }
  void path(const char* key, Path& into) {
    read(key, "a path", [&](const std::string& value) {
      into = value.starts_with("~/") && std::getenv("HOME") ? Path(std::getenv("HOME")) / value.substr(2)
                                                            : Path(value);
      return true;
    });
  }
  void flag(const char* key, bool& into) {
    read(key, "true or false", [&](const std::string& value) {
      if (value != "true" && value != "false") return false;
      into = value == "true";
      return true;
    });
  }
  void whole(const char* key, int& into, int least, int most) {
    read(key, fmt::format("a whole number from {} to {}", least, most), [&](const std::string& value) {
      int number = 0;
      const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), number);
      if (failed != std::errc() || end != value.data() + value.size() || number < least || number > most)
        return false;
      into = number;
      return true;
    });
  }
  void number(const char* key, double& into, double least, double most) {
    read(key, fmt::format("a number from {} to {}", least, most), [&](const std::string& value) {
      const auto found = number_of(value);
      if (!found || *found < least || *found > most) return false;
      into = *found;
      return true;
    });
  }
  // "32MiB", "1.5 GB", "65536": K/M/G/T are powers of 1000, Ki/Mi/Gi/Ti of 1024.
  void bytes(const char* key, std::uint64_t& into) {
    read(key, "a size such as 32MiB or 16GB", [&](const std::string& value) {
      const auto found = measured(value, {{"", 1},
                                          {"B", 1},
                                          {"KB", 1e3},
                                          {"MB", 1e6},
                                          {"GB", 1e9},
                                          {"TB", 1e12},
                                          {"KiB", 1024},
                                          {"MiB", 1048576},
                                          {"GiB", 1073741824},
                                          {"TiB", 1099511627776}});
      if (!found || *found < 0 || *found > 1e16) return false;
      into = static_cast<std::uint64_t>(*found);
      return true;
    });
  }
  // "10s", "200ms", "5m", "1h", "1d"; a unit is needed, except for 0.
  template <typename Duration>
  void time(const char* key, Duration& into) {
    read(key, "a time such as 10s, 200ms or 5m", [&](const std::string& value) {
      const auto found = measured(value, {{"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}, {"d", 86400e3}});
      if (value != "0" && (!found || *found < 0 || *found > 1e12)) return false;
      into = std::chrono::duration_cast<Duration>(
          std::chrono::milliseconds(static_cast<std::int64_t>(value == "0" ? 0 : *found)));
      return true;
    });
  }
  void choice(const char* key, std::string& into, std::initializer_list<std::string_view> choices) {
    read(key, fmt::format("one of {}", fmt::join(choices, ", ")), [&](const std::string& value) {
      if (std::ranges::find(choices, value) == choices.end()) return false;
      into = value;
      return true;
    });
  }
  void texts(const char* key, std::vector<std::string>& into) {
    const YAML::Node list = take(key);
    if (!list.IsDefined() || error_) return;
    into.clear();
    if (list.IsNull()) return;
    if (list.IsScalar()) return into.push_back(list.Scalar());
    if (!list.IsSequence()) return reject(list, path_of(key), "expected a list of texts");
    for (const auto& item : list) {
      if (!item.IsScalar()) return reject(item, path_of(key), "expected a list of texts");
      into.push_back(item.Scalar());
    }
  }
  // key: {name: value, ...}
  void each_entry(const char* key, const std::function<void(const std::string&, const YAML::Node&)>& entry) {
    const YAML::Node map = take(key);
    if (!map.IsDefined() || map.IsNull() || error_) return;
    if (!map.IsMap()) return reject(map, path_of(key), "expected names with values");
    for (const auto& item : map) entry(item.first.Scalar(), item.second);
  }
  YAML::Node take(const std::string& key) {
    left_.erase(key);
    return error_ || !node_.IsMap() ? YAML::Node(YAML::NodeType::Undefined) : YAML::Node(node_)[key];
  }
  Section section(const char* key) { return Section(take(key), path_of(key), origin_, error_); }
  bool has(const char* key) const { return node_.IsMap() && node_[key].IsDefined(); }

  void done() {
    if (error_ || left_.empty()) return;
    for (const auto& entry : node_)
      if (left_.contains(entry.first.Scalar()))
        return reject(entry.first, path_of(entry.first.Scalar()), "there is no such key");
  }
  void reject(const YAML::Node& at, const std::string& key, std::string_view why) {
    if (error_) return;
    const YAML::Mark mark = at.IsDefined()      ? at.Mark()
                            : node_.IsDefined() ? node_.Mark()
                                                : YAML::Mark::null_mark();
    error_ = Error{ErrorKind::invalid_input,
                   fmt::format("{}:{}: {}: {}", origin_, std::max(mark.line, 0) + 1,
                               key.empty() ? "the file" : key, why),
                   "configs/gateway.yaml documents each key"};
  }
  std::string path_of(std::string_view key) const {
    return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
  }

 private:
  void read(const char* key, const std::string& expected,
            const std::function<bool(const std::string&)>& take_value) {
    const YAML::Node value = take(key);
    if (!value.IsDefined() || error_) return;
    if (!value.IsScalar())
      return reject(
          value, path_of(key),
          fmt::format("expected {}, found {}", expected, value.IsNull() ? "nothing" : "a list or keys"));
    if (!take_value(value.Scalar()))
      reject(value, path_of(key), fmt::format("expected {}, found \"{}\"", expected, value.Scalar()));
  }
  static std::optional<double> number_of(std::string_view text) {
    double value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc() || end != text.data() + text.size() || !(value == value)) return std::nullopt;
    return value;
  }
  static std::optional<double> measured(std::string_view text,
                                        std::initializer_list<std::pair<std::string_view, double>> units) {
    auto letters = text.find_first_not_of("0123456789.");
    if (letters == std::string_view::npos) letters = text.size();
    const auto value = number_of(text.substr(0, letters));
    auto unit = text.substr(letters);
    while (unit.starts_with(' ')) unit.remove_prefix(1);
    for (const auto& [name, factor] : units)
      if (value && name == unit) return *value * factor;
    return std::nullopt;
  }

  YAML::Node node_;
  std::string path_;
  std::string_view origin_;
  std::optional<Error>& error_;
  std::set<std::string> left_;
};

void read_listen(Section s, ListenConfig& into) {
  s.text("host", into.host);
  s.whole("port", into.port, 0, 65535);
  s.path("unix_socket", into.unix_socket);
  s.whole("threads", into.threads, 0, 256);
  s.done();
}

void read_limits(Section s, LimitConfig& into) {
  s.bytes("body_bytes", into.body_bytes);
  s.bytes("header_bytes", into.header_bytes);
  s.whole("connections", into.connections, 1, 1000000);
  s.time("header_time", into.header_time);
  s.time("body_time", into.body_time);
  s.time("idle_time", into.idle_time);
  s.time("write_time", into.write_time);
  s.time("request_time", into.request_time);
  s.time("queue_time", into.queue_time);
  s.time("loading_comment_time", into.loading_comment_time);
  s.time("drain_time", into.drain_time);
  s.done();
}

void read_keys(Section s, KeyConfig& into) {
  s.path("file", into.file);
  s.choice("required", into.required, {"auto", "always", "never"});
  s.texts("env", into.env);
  s.number("requests_per_minute", into.requests_per_minute, 0, 1e9);
  s.number("tokens_per_minute", into.tokens_per_minute, 0, 1e12);
  s.done();
}

void read_engine(Section s, const YAML::Node& node, EngineConfig& into) {
  s.text("name", into.name);
  s.choice("kind", into.kind, {"openai", "vllm", "compose", "llama-server"});
  if (s.has("url") && s.has("urls"))
    s.reject(node, s.path_of("url"), "is given beside urls; one of them is enough");
  s.texts("url", into.urls);
  s.texts("urls", into.urls);
  s.texts("models", into.models);
  s.texts("tasks", into.tasks);
  s.whole("weight", into.weight, 0, 1000);
  s.text("api_key_env", into.api_key_env);
  s.path("ca_file", into.ca_file);
  std::error_code ignored;
  if (!into.ca_file.empty() && !std::filesystem::is_regular_file(into.ca_file, ignored))
    s.reject(node, s.path_of("ca_file"), fmt::format("there is no file {}", into.ca_file.string()));
  s.texts("start", into.start);
  s.texts("stop", into.stop);
  s.choice("tools", into.tools, {"auto", "native", "compiled"});
  s.bytes("memory_bytes", into.memory_bytes);
  s.whole("concurrency", into.concurrency, 0, 100000);
  s.time("connect_time", into.connect_time);
  s.time("ready_time", into.ready_time);
  if (into.name.empty()) s.reject(node, s.path_of("name"), "is needed");
  if (into.name.find('/') != std::string::npos) s.reject(node, s.path_of("name"), "must not have a / in it");
  if (into.urls.empty()) s.reject(node, s.path_of("url"), "is needed");
  for (const std::string& url : into.urls)
    if (const auto endpoint = Endpoint::parse(url); !endpoint)
      s.reject(node, s.path_of("url"), endpoint.error().message);
  s.done();
}

void read_engines(Section& root, std::string_view origin, std::optional<Error>& error,
                  std::vector<EngineConfig>& into) {
  const YAML::Node list = root.take("engines");
  if (!list.IsDefined() || error) return;
  into.clear();
  if (list.IsNull()) return;
  if (!list.IsSequence()) return root.reject(list, "engines", "expected a list of engines");
  for (std::size_t i = 0; i < list.size(); ++i) {
    EngineConfig engine;
    const std::string path = fmt::format("engines[{}]", i);
    read_engine(Section(list[i], path, origin, error), list[i], engine);
    if (std::ranges::find(into, engine.name, &EngineConfig::name) != into.end())
      root.reject(list[i], path + ".name", fmt::format("\"{}\" is given twice", engine.name));
    into.push_back(std::move(engine));
  }
}

void read_models(Section s, ModelConfig& into) {
  s.text("default_chat", into.default_chat);
  s.texts("pinned", into.pinned);
  s.texts("preload", into.preload);
  s.bytes("budget_bytes", into.budget_bytes);
  s.time("idle_unload", into.idle_unload);
  s.whole("queue", into.queue, 0, 100000);
  s.whole("context", into.context, 256, 10000000);
  s.whole("slots", into.slots, 0, 1024);
  s.choice("cache_type", into.cache_type,
           {"f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"});
  s.text("draft", into.draft);
  s.done();
}

void read_routes(Section s, RouteConfig& into) {
  s.each_entry("aliases", [&](const std::string& name, const YAML::Node& value) {
    if (!value.IsScalar()) return s.reject(value, s.path_of("aliases." + name), "expected a model's name");
    std::erase_if(into.aliases, [&](const auto& pair) { return pair.first == name; });
    into.aliases.emplace_back(name, value.Scalar());
  });
  s.each_entry("fallbacks", [&](const std::string& name, const YAML::Node& value) {
    std::vector<std::string> others;
    if (value.IsScalar()) others.push_back(value.Scalar());
    for (const auto& item : value) {
      if (!item.IsScalar())
        return s.reject(item, s.path_of("fallbacks." + name), "expected a list of models' names");
      others.push_back(item.Scalar());
    }
    std::erase_if(into.fallbacks, [&](const auto& pair) { return pair.first == name; });
    into.fallbacks.emplace_back(name, std::move(others));
  });
  s.each_entry("defaults", [&](const std::string& task, const YAML::Node& value) {
    if (!value.IsScalar()) return s.reject(value, s.path_of("defaults." + task), "expected a model's name");
    std::erase_if(into.defaults, [&](const auto& pair) { return pair.first == task; });
    into.defaults.emplace_back(task, value.Scalar());
  });
  s.whole("breaker_failures", into.breaker_failures, 1, 1000000);
  s.time("breaker_open", into.breaker_open);
  s.whole("retries", into.retries, 0, 100);
  s.done();
}

void read_cache(Section s, CacheConfig& into) {
  s.flag("enabled", into.enabled);
  const std::string before = into.store;
  s.text("store", into.store);
  if (into.store != "sqlite" && into.store != "memory" && !into.store.starts_with("redis://") &&
      !into.store.starts_with("unix:")) {
    s.reject(s.take("store"), s.path_of("store"),
             fmt::format("expected sqlite, memory, redis://HOST or unix:/PATH, found \"{}\"", into.store));
    into.store = before;
  }
  s.path("file", into.file);
  s.bytes("memory_bytes", into.memory_bytes);
  s.bytes("max_bytes", into.max_bytes);
  s.bytes("max_response_bytes", into.max_response_bytes);
  s.time("max_age", into.max_age);
  s.flag("shared", into.shared);
  s.done();
}

void read_images(Section s, ImageConfig& into) {
  s.texts("allowed_hosts", into.allowed_hosts);
  s.bytes("max_bytes", into.max_bytes);
  s.time("time", into.time);
  s.whole("max_redirects", into.max_redirects, 0, 20);
  s.done();
}

}  // namespace

Result<GatewayConfig> parse_gateway_config(std::string_view yaml, std::string_view origin,
                                           GatewayConfig config) {
  std::optional<Error> error;
  try {
    const YAML::Node root = YAML::Load(std::string(yaml));
    Section top(root, "", origin, error);
    read_listen(top.section("listen"), config.listen);
    read_limits(top.section("limits"), config.limits);
    read_keys(top.section("keys"), config.keys);
    read_engines(top, origin, error, config.engines);
    read_models(top.section("models"), config.models);
    read_routes(top.section("routes"), config.routes);
    read_cache(top.section("cache"), config.cache);
    read_images(top.section("images"), config.images);
    Section log = top.section("log");
    log.choice("level", config.log_level, {"error", "warning", "info", "debug"});
    log.flag("requests", config.log_requests);
    log.done();
    top.done();
  } catch (const YAML::Exception& broken) {
    return fail(ErrorKind::invalid_input,
                fmt::format("{}:{}: {}", origin, std::max(broken.mark.line, 0) + 1, broken.msg),
                "configs/gateway.yaml documents each key");
  }
  if (error) return std::unexpected(*std::move(error));
  return config;
}

Result<GatewayConfig> read_gateway_config(const Path& file) {
  Path path = file;
  if (path.empty()) {
    std::error_code ignored;
    path = config_folder() / "gateway.yaml";
    if (!std::filesystem::exists(path, ignored)) {
      TRY_ASSIGN(path, shipped_config("gateway.yaml"));
    }
  }
  TRY_ASSIGN(const std::string text, read_file(path, 4u << 20));
  return parse_gateway_config(text, path.string());
}

Result<void> add_engine_option(GatewayConfig& config, std::string_view name_and_url) {
  const auto equals = name_and_url.find('=');
  const auto wrong = [&](std::string_view why) {
    return fail(ErrorKind::wrong_usage, fmt::format("read --engine {}: {}", name_and_url, why),
                "write --engine NAME=URL, for example --engine big=http://127.0.0.1:8000/v1");
  };
  if (equals == std::string_view::npos || equals == 0) return wrong("it is not NAME=URL");
  EngineConfig engine;
  engine.name = name_and_url.substr(0, equals);
  if (engine.name.find('/') != std::string::npos) return wrong("the name must not have a / in it");
  engine.urls = {std::string(name_and_url.substr(equals + 1))};
  if (const auto endpoint = Endpoint::parse(engine.urls.front()); !endpoint)
    return wrong(endpoint.error().message);
  const auto same = std::ranges::find(config.engines, engine.name, &EngineConfig::name);
  if (same == config.engines.end())
    config.engines.push_back(std::move(engine));
  else
    *same = std::move(engine);
  return {};
}

bool is_loopback(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host == "localhost" || host == "::1" || host == "0:0:0:0:0:0:0:1") return true;
  if (!host.starts_with("127.")) return false;
  // All of 127/8, in plain dotted form only: other spellings are told to be written plainly by being refused.
  return std::ranges::count(host, '.') == 3 &&
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

Result<void> check_gateway_config(const GatewayConfig& config, bool any_key_exists) {
  if (is_loopback(config.listen.host)) return {};
  if (config.keys.required == "never")
    return fail(
        ErrorKind::wrong_usage,
        fmt::format("listen on {}: keys.required is \"never\", and others can reach that address",
                    config.listen.host),
        "set keys.required to \"auto\" and make a key with `studio keys add NAME`, or listen on 127.0.0.1");
  if (!any_key_exists)
    return fail(ErrorKind::wrong_usage,
                fmt::format("listen on {}: others can reach that address, and there is no API key yet",
                            config.listen.host),
                "make one with `studio keys add NAME`, or listen on 127.0.0.1");
  return {};
}

}  // namespace studio
