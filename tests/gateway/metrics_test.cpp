// Metrics add up over threads, are written as Prometheus reads them, and cannot be filled up by clients.
#include "gateway/metrics.h"

#include <array>
#include <cmath>
#include <thread>

#include <gtest/gtest.h>

#include "base/files.h"

namespace studio {
namespace {

using Labels = std::array<std::string_view, 1>;

TEST(Metrics, ThreadsAddUp) {
  Metrics metrics;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      const std::string model = "m" + std::to_string(t % 2);
      for (int i = 0; i < 2000; ++i) {
        metrics.counter("studio_prompt_tokens_total", Labels{model}).add(3);
        metrics.histogram("studio_time_to_first_token_seconds", Labels{model}).observe(0.002);
        metrics.gauge("studio_connections").add(i % 2 ? -1 : 1);
      }
    });
  threads.clear();
  EXPECT_EQ(metrics.counter("studio_prompt_tokens_total", Labels{"m0"}).value(), 12000u);
  EXPECT_EQ(metrics.histogram("studio_time_to_first_token_seconds", Labels{"m1"}).count(), 4000u);
  EXPECT_EQ(metrics.gauge("studio_connections").value(), 0);
}

TEST(Metrics, TheTextIsPrometheus) {
  Metrics metrics;
  metrics.counter("studio_cancelled_total", Labels{"/v1/chat \"x\"\\\n"}).add(2);
  auto& seconds = metrics.histogram("studio_queue_seconds", Labels{"m"});
  for (const double value : {0.0001, 0.0002, 7.0, 1000.0}) seconds.observe(value);
  const std::string text = metrics.to_text();
  EXPECT_TRUE(text.contains("# TYPE studio_cancelled_total counter\n"));
  EXPECT_TRUE(text.contains(R"(studio_cancelled_total{path="/v1/chat \"x\"\\\n"} 2)"));
  EXPECT_TRUE(text.contains("studio_queue_seconds_bucket{model=\"m\",le=\"0.0001\"} 1\n")) << text;
  EXPECT_TRUE(text.contains("studio_queue_seconds_bucket{model=\"m\",le=\"0.00025\"} 2\n"));
  EXPECT_TRUE(text.contains("studio_queue_seconds_bucket{model=\"m\",le=\"10\"} 3\n"));
  EXPECT_TRUE(text.contains("studio_queue_seconds_bucket{model=\"m\",le=\"+Inf\"} 4\n"));
  EXPECT_TRUE(text.contains("studio_queue_seconds_count{model=\"m\"} 4\n"));
  EXPECT_TRUE(text.contains("\nstudio_connections 0\n"));  // without labels: there from the start
  EXPECT_TRUE(text.ends_with("\n"));
}

TEST(Metrics, QuantilesAreBounds) {
  Metrics metrics;
  auto& seconds = metrics.histogram("studio_queue_seconds", Labels{"m"});
  for (int i = 0; i < 99; ++i) seconds.observe(0.003);
  seconds.observe(1e9);
  EXPECT_EQ(seconds.quantile(0.5), 0.005);
  EXPECT_TRUE(std::isinf(seconds.quantile(1)));
  seconds.observe(NAN);
  EXPECT_EQ(seconds.count(), 100u);
}

TEST(Metrics, InventedLabelsAndNamesCannotFillTheMemory) {
  Metrics metrics;
  for (int i = 0; i < 2000; ++i) {
    const std::string model = "model-" + std::to_string(i);
    metrics.counter("studio_prompt_tokens_total", Labels{model}).add(1);
  }
  EXPECT_GT(metrics.counter("studio_prompt_tokens_total", Labels{"other"}).value(), 1500u);
  const std::string long_name(5000, 'x');
  metrics.counter("studio_completion_tokens_total", Labels{long_name}).add(1);
  metrics.counter("studio_completion_tokens_total", Labels{long_name}).add(1);
  EXPECT_FALSE(metrics.to_text().contains(long_name));
  EXPECT_TRUE(metrics.to_text().contains(std::string(120, 'x') + "\"} 2"));
  const std::string before = metrics.to_text();
  metrics.counter("studio_no_such_total").add(1);
  metrics.counter("studio_requests_total", Labels{"too few labels"}).add(1);
  EXPECT_EQ(metrics.to_text(), before);
}

TEST(Metrics, WhatIsGoneIsHiddenUntilItIsBack) {
  Metrics metrics;
  metrics.gauge("studio_model_bytes", Labels{"a"}).set(5);
  metrics.gauge("studio_model_bytes", Labels{"b"}).set(6);
  metrics.keep_only("studio_model_bytes", Labels{"b"});
  EXPECT_FALSE(metrics.to_text().contains("studio_model_bytes{model=\"a\"}"));
  EXPECT_TRUE(metrics.to_text().contains("studio_model_bytes{model=\"b\"} 6"));
  metrics.gauge("studio_model_bytes", Labels{"a"}).set(7);
  EXPECT_TRUE(metrics.to_text().contains("studio_model_bytes{model=\"a\"} 7"));
}

TEST(Metrics, TheDocumentationListsEachOne) {
  const auto text = read_file(Path(STUDIO_SOURCE_DIR) / "docs/metrics.md");
  ASSERT_TRUE(text);
  for (const auto& family : Metrics::families()) {
    EXPECT_TRUE(family.name.starts_with("studio_")) << family.name;
    std::string labels;
    for (const auto label : family.labels) labels += (labels.empty() ? "" : ", ") + std::string(label);
    const std::string row = "| `" + std::string(family.name) + "` | " + std::string(family.type) + " | " +
                            labels + " | " + std::string(family.help) + " |";
    EXPECT_TRUE(text->contains(row)) << "docs/metrics.md lacks the row\n" << row;
  }
}

}  // namespace
}  // namespace studio
