// The configuration says with file, line and key what is wrong, and its shipped file is its defaults.
#include "gateway/config.h"
#include "models/server_state.h"

#include <gtest/gtest.h>

namespace studio {
namespace {

std::string complaint(std::string_view yaml) {
  const auto config = parse_gateway_config(yaml, "g.yaml");
  return config ? "none" : config.error().message;
}

TEST(Config, TheShippedFileGivesTheDefaults) {
  const auto shipped = read_gateway_config(Path(STUDIO_SOURCE_DIR) / "configs/gateway.yaml");
  ASSERT_TRUE(shipped) << shipped.error().message;
  const GatewayConfig plain;
  EXPECT_EQ(shipped->listen.host, plain.listen.host);
  EXPECT_EQ(shipped->listen.port, 8420);
  EXPECT_EQ(shipped->listen.port, kDefaultServerPort) << "the one that is meant when several run";
  EXPECT_EQ(shipped->limits.body_bytes, plain.limits.body_bytes);
  EXPECT_EQ(shipped->limits.header_bytes, plain.limits.header_bytes);
  EXPECT_EQ(shipped->limits.request_time, plain.limits.request_time);
  EXPECT_EQ(shipped->limits.queue_time, plain.limits.queue_time);
  EXPECT_EQ(shipped->limits.drain_time, plain.limits.drain_time);
  EXPECT_EQ(shipped->limits.idle_time, plain.limits.idle_time);
  EXPECT_EQ(shipped->cache.max_bytes, plain.cache.max_bytes);
  EXPECT_EQ(shipped->cache.max_age, plain.cache.max_age);
  EXPECT_EQ(shipped->cache.max_response_bytes, plain.cache.max_response_bytes);
  EXPECT_EQ(shipped->models.queue, plain.models.queue);
  EXPECT_EQ(shipped->models.idle_unload, plain.models.idle_unload);
  EXPECT_EQ(shipped->images.max_bytes, plain.images.max_bytes);
  EXPECT_EQ(shipped->routes.breaker_failures, plain.routes.breaker_failures);
  EXPECT_TRUE(shipped->engines.empty());
}

TEST(Config, EveryPartIsRead) {
  const auto config = parse_gateway_config(R"(
listen: {host: "::1", port: 0, threads: 3}
limits: {body_bytes: 1.5MB, header_time: 200ms, request_time: 2h, idle_time: 0}
keys: {required: always, env: [A, B], requests_per_minute: 60.5}
engines:
  - {name: big, kind: vllm, urls: ["http://a:1/v1", "http://b:2/v1"], models: [m1, m2], weight: 3, api_key_env: K}
  - {name: small, url: "unix:/run/x.sock", tools: native}
routes:
  aliases: {gpt-4o: m1}
  fallbacks: {m1: [m2, m3], m4: m5}
  defaults: {vision: m2}
cache: {store: "redis://:pw@host:1/2", max_age: 1d, shared: true}
images: {allowed_hosts: ["*.example.org"]}
log: {level: debug}
)",
                                           "g.yaml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->listen.host, "::1");
  EXPECT_EQ(config->listen.threads, 3);
  EXPECT_EQ(config->limits.body_bytes, 1500000u);
  EXPECT_EQ(config->limits.header_time, std::chrono::milliseconds(200));
  EXPECT_EQ(config->limits.request_time, std::chrono::hours(2));
  EXPECT_EQ(config->limits.idle_time.count(), 0);
  EXPECT_EQ(config->keys.env, (std::vector<std::string>{"A", "B"}));
  ASSERT_EQ(config->engines.size(), 2u);
  EXPECT_EQ(config->engines[0].urls.size(), 2u);
  EXPECT_EQ(config->engines[0].weight, 3);
  EXPECT_EQ(config->engines[1].tools, "native");
  EXPECT_EQ(config->routes.fallbacks[1].second, std::vector<std::string>{"m5"});
  EXPECT_EQ(config->routes.defaults.front().second, "m2");
  EXPECT_TRUE(config->cache.shared);
  EXPECT_EQ(config->log_level, "debug");
}

TEST(Config, WhatIsWrongIsNamedWithLineAndKey) {
  EXPECT_EQ(complaint("limits:\n  body_bytes: big\n"),
            "g.yaml:2: limits.body_bytes: expected a size such as 32MiB or 16GB, found \"big\"");
  EXPECT_EQ(complaint("listen:\n  port: 70000"),
            "g.yaml:2: listen.port: expected a whole number from 0 to 65535, found \"70000\"");
  EXPECT_EQ(complaint("listen:\n  hots: x"), "g.yaml:2: listen.hots: there is no such key");
  EXPECT_EQ(complaint("\nlisen: {}"), "g.yaml:2: lisen: there is no such key");
  EXPECT_EQ(complaint("limits: {idle_time: 5}"),
            "g.yaml:1: limits.idle_time: expected a time such as 10s, 200ms or 5m, found \"5\"");
  EXPECT_EQ(complaint("engines:\n- name: a\n"), "g.yaml:2: engines[0].url: is needed");
  EXPECT_EQ(complaint("engines:\n- {name: a, url: 'http://x'}\n- {name: a, url: 'http://y'}"),
            "g.yaml:3: engines[1].name: \"a\" is given twice");
  EXPECT_TRUE(complaint("engines:\n- {name: a, url: 'ftp://x'}").starts_with("g.yaml:2: engines[0].url: "));
  EXPECT_EQ(complaint("engines: {}"), "g.yaml:1: engines: expected a list of engines");
  EXPECT_EQ(complaint("cache:\n  store: mysql"),
            "g.yaml:2: cache.store: expected sqlite, memory, redis://HOST or unix:/PATH, found \"mysql\"");
  EXPECT_TRUE(complaint("models:\n  cache_type: q9")
                  .starts_with("g.yaml:2: models.cache_type: expected one of f32, f16, bf16, q8_0"));
  EXPECT_EQ(complaint("cache:\n  enabled: maybe"),
            "g.yaml:2: cache.enabled: expected true or false, found \"maybe\"");
  EXPECT_EQ(complaint("listen: [1]"), "g.yaml:1: listen: expected keys with values");
  EXPECT_EQ(complaint("[1, 2]"), "g.yaml:1: the file: expected keys with values");
  EXPECT_EQ(complaint("listen:\n  port: 1\n  port: 2"), "g.yaml:3: listen.port: is given twice");
  EXPECT_TRUE(complaint("a: [").starts_with("g.yaml:1: ")) << complaint("a: [");
  EXPECT_EQ(complaint(""), "none");
  EXPECT_EQ(complaint("engines:\nlisten:\n"), "none");
}

TEST(Config, EnginesOfTheCommandLineAddOrReplace) {
  GatewayConfig config;
  ASSERT_TRUE(add_engine_option(config, "big=http://127.0.0.1:8000/v1"));
  ASSERT_TRUE(add_engine_option(config, "big=http://127.0.0.1:9000/v1"));
  ASSERT_EQ(config.engines.size(), 1u);
  EXPECT_EQ(config.engines[0].urls[0], "http://127.0.0.1:9000/v1");
  for (const char* wrong : {"http://127.0.0.1", "=http://x", "a/b=http://x", "a=ftp://x", ""})
    EXPECT_FALSE(add_engine_option(config, wrong)) << wrong;
}

TEST(Config, BeyondLoopbackOnlyWithKeys) {
  GatewayConfig config;
  for (const char* host : {"127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"}) {
    config.listen.host = host;
    EXPECT_TRUE(check_gateway_config(config, false)) << host;
  }
  for (const char* host : {"0.0.0.0", "::", "192.168.1.2", "example.org", "127.evil.org", "1270.0.0.1", ""}) {
    config.listen.host = host;
    EXPECT_FALSE(check_gateway_config(config, false)) << host;
    EXPECT_TRUE(check_gateway_config(config, true)) << host;
  }
  config.keys.required = "never";
  EXPECT_FALSE(check_gateway_config(config, true));
}

}  // namespace
}  // namespace studio
