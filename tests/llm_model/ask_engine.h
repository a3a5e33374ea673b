// Asking a real engine, and what its process took at most.
#pragma once

#include <chrono>
#include <fstream>
#include <string>

#include <sys/types.h>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "net/http.h"

namespace studio::testing {

// engine_failed with the beginning of its answer unless that is 200.
inline Result<Json> post(const Endpoint& endpoint, const std::string& path, const Json& body) {
  HttpRequest request;
  request.method = "POST";
  request.endpoint = endpoint;
  request.path = path;
  request.body = to_text(body, -1);
  request.headers = {{"Content-Type", "application/json"}};
  request.timeout = std::chrono::minutes(5);
  TRY_ASSIGN(const HttpResponse answer, send_http(request));
  if (answer.status != 200) return fail(ErrorKind::engine_failed, answer.body.substr(0, 300));
  return parse_json(answer.body, "the engine's answer");
}

// A figure of /proc/PID/status ("VmRSS", "VmHWM") in bytes; 0 when the process is gone.
inline double memory_of(pid_t pid, const std::string& figure) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(figure + ":")) return std::stod(line.substr(figure.size() + 1)) * 1024;
  return 0;
}

}  // namespace studio::testing
