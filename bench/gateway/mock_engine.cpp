// The mock engine as a program: bench/gateway/mock_engine --unix PATH | --port N [--threads N] [--model NAME]
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <sys/resource.h>

#include "support/mock_engine.h"

int main(int argc, char** argv) {
  studio::testing::MockEngineOptions options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i], value = argv[i + 1];
    if (name == "--unix") options.unix_socket = value;
    if (name == "--port") {
      options.host = "127.0.0.1";
      options.port = std::atoi(value.c_str());
    }
    if (name == "--threads") options.threads = std::atoi(value.c_str());
    if (name == "--model") options.model = value;
  }
  if (options.unix_socket.empty() && options.host.empty()) {
    std::fprintf(stderr, "usage: mock_engine --unix PATH | --port N [--threads N] [--model NAME]\n");
    return 2;
  }
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigprocmask(SIG_BLOCK, &ends, nullptr);
  const studio::testing::MockEngine engine(options);
  std::printf("%s\n", engine.url().c_str());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&ends, &signal);
  return 0;
}
