// A Redis of the test's own on a Unix socket, where the program is installed.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <thread>

#include "base/files.h"
#include "base/process.h"

namespace studio::testing_redis {

inline bool available() {
  return std::filesystem::exists("/usr/bin/redis-server");
}

inline std::unique_ptr<ChildProcess> start(const Path& folder) {
  const Path socket = folder / "redis.sock";
  ProcessOptions options;
  options.command = {
      "/usr/bin/redis-server", "--port", "0",     "--unixsocket", socket.string(), "--save", "",
      "--appendonly",          "no",     "--dir", folder.string()};
  auto child = ChildProcess::start(options);
  if (!child) return nullptr;
  for (int i = 0; i < 500 && !std::filesystem::exists(socket); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return std::make_unique<ChildProcess>(*std::move(child));
}

}  // namespace studio::testing_redis
