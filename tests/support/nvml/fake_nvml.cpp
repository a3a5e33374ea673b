// A stand-in for NVIDIA's management library: two cards of 16 GiB, on each of which 4 GiB are used.
#include <cstdlib>
#include <cstring>

namespace {
constexpr unsigned long long kGiB = 1ULL << 30;
struct Memory {
  unsigned long long total, free, used;
};
struct Process {
  unsigned int pid;
  unsigned long long used;
  unsigned int gpu_instance, compute_instance;
};
int cards[2];
}  // namespace

extern "C" {
int nvmlInit_v2() {
  return std::getenv("FAKE_NVML_FAILS") != nullptr ? 9 : 0;
}
int nvmlShutdown() {
  return 0;
}
int nvmlDeviceGetCount_v2(unsigned int* count) {
  *count = 2;
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void** card) {
  *card = &cards[index];
  return index < 2 ? 0 : 2;
}
int nvmlDeviceGetName(void*, char* name, unsigned int size) {
  std::strncpy(name, "Fake RTX 4080", size);
  return 0;
}
int nvmlDeviceGetMemoryInfo(void* card, Memory* memory) {
  const unsigned long long used = card == &cards[0] ? 7 * kGiB : kGiB;
  *memory = {16 * kGiB, 16 * kGiB - used, used};
  return 0;
}
// More processes than a first call brings room for, as a busy card has.
int nvmlDeviceGetComputeRunningProcesses_v3(void* card, unsigned int* count, Process* processes) {
  const unsigned int running = card == &cards[0] ? 70 : 0;
  if (*count < running) {
    *count = running;
    return 7;
  }
  for (unsigned int i = 0; i < running; ++i) processes[i] = {1000000 + i, ~0ULL, 0, 0};
  const char* pid = std::getenv("FAKE_NVML_PID");
  if (running > 0 && pid != nullptr)
    processes[69] = {static_cast<unsigned int>(std::atoi(pid)), 5 * kGiB, 0, 0};
  *count = running;
  return 0;
}
}
