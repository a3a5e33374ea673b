// NVIDIA's management library, opened at run time: no header and no build dependency.
#include <algorithm>
#include <cstdlib>
#include <optional>
#include <set>
#include <sstream>
#include <vector>

#include <dlfcn.h>

#include <fmt/format.h>

#include "models/memory_monitor.h"
#include "models/process_memory.h"

namespace studio {
namespace {

// The parts of nvml.h that are used, as its versioned interface fixes them.
using NvmlDevice = void*;
struct NvmlMemory {
  unsigned long long total, free, used;
};
struct NvmlProcess {  // nvmlProcessInfo_v2_t
  unsigned int pid;
  unsigned long long used_gpu_memory;
  unsigned int gpu_instance, compute_instance;
};
constexpr int kSuccess = 0, kInsufficientSize = 7;
constexpr unsigned long long kNotAvailable = ~0ULL;

struct Nvml {
  void* library = nullptr;
  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  int (*count)(unsigned int*) = nullptr;
  int (*device)(unsigned int, NvmlDevice*) = nullptr;
  int (*name)(NvmlDevice, char*, unsigned int) = nullptr;
  int (*memory)(NvmlDevice, NvmlMemory*) = nullptr;
  int (*processes)(NvmlDevice, unsigned int*, NvmlProcess*) = nullptr;
};

template <typename Function>
bool take(void* library, const char* symbol, Function& into) {
  into = reinterpret_cast<Function>(::dlsym(library, symbol));
  return into != nullptr;
}

// The cards CUDA_VISIBLE_DEVICES allows, by index; without it, or by UUID, all of them.
std::optional<std::set<unsigned int>> visible_cards() {
  const char* text = std::getenv("CUDA_VISIBLE_DEVICES");
  if (text == nullptr) return std::nullopt;
  std::set<unsigned int> cards;
  std::istringstream list(text);
  for (std::string item; std::getline(list, item, ',');) {
    if (item.find_first_not_of("0123456789 ") != std::string::npos)
      return item.starts_with('-') ? std::optional(cards) : std::nullopt;
    cards.insert(static_cast<unsigned int>(std::atoi(item.c_str())));
  }
  return cards;
}

class NvmlMonitor : public MemoryMonitor {
 public:
  NvmlMonitor(const Nvml& nvml, std::vector<NvmlDevice> cards, std::string name, Path proc)
      : nvml_(nvml), cards_(std::move(cards)), name_(std::move(name)), proc_(std::move(proc)) {}
  ~NvmlMonitor() override {
    nvml_.shutdown();
    ::dlclose(nvml_.library);
  }
  bool is_gpu() const override { return true; }

  std::uint64_t bytes_of(pid_t pid) const override {
    const auto tree = process_trees(proc_, {&pid, 1});
    std::uint64_t bytes = 0;
    for (NvmlDevice card : cards_) bytes += bytes_on(card, tree);
    return bytes;
  }

 protected:
  Result<MemoryReading> look(std::span<const pid_t> ours) const override {
    const auto tree = process_trees(proc_, ours);
    MemoryReading reading;
    for (NvmlDevice card : cards_) {
      NvmlMemory memory{};
      if (const int code = nvml_.memory(card, &memory); code != kSuccess)
        return fail(ErrorKind::io, fmt::format("ask the NVIDIA driver for the card's memory: code {}", code),
                    "look at what nvidia-smi says; a reset of the driver may be needed");
      reading.total_bytes += memory.total;
      reading.used_bytes += memory.used;
      reading.ours_bytes += bytes_on(card, tree);
    }
    reading.ours_bytes = std::min(reading.ours_bytes, reading.used_bytes);
    reading.others_bytes = reading.used_bytes - reading.ours_bytes;
    reading.source = "nvml";
    reading.device = name_;
    return reading;
  }

 private:
  std::uint64_t bytes_on(NvmlDevice card, const std::vector<pid_t>& processes) const {
    std::vector<NvmlProcess> running(64);
    auto count = static_cast<unsigned int>(running.size());
    int code = nvml_.processes(card, &count, running.data());
    if (code == kInsufficientSize) {
      running.resize(count + 16);
      count = static_cast<unsigned int>(running.size());
      code = nvml_.processes(card, &count, running.data());
    }
    if (code != kSuccess) return 0;
    std::uint64_t bytes = 0;
    for (const NvmlProcess& process : std::span(running).first(std::min<std::size_t>(count, running.size())))
      if (process.used_gpu_memory != kNotAvailable &&
          std::ranges::find(processes, static_cast<pid_t>(process.pid)) != processes.end())
        bytes += process.used_gpu_memory;
    return bytes;
  }

  const Nvml nvml_;
  const std::vector<NvmlDevice> cards_;
  const std::string name_;
  const Path proc_;
};

std::unexpected<Error> none(std::string why) {
  return fail(ErrorKind::missing_part, "look at the memory of NVIDIA cards: " + std::move(why),
              "install the NVIDIA driver, or go without a card");
}

}  // namespace

Result<std::unique_ptr<MemoryMonitor>> nvml_memory(const MonitorPaths& paths) {
  Nvml nvml;
  nvml.library = ::dlopen(paths.nvml.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (nvml.library == nullptr) return none(paths.nvml + " is not installed");
  const bool complete = take(nvml.library, "nvmlInit_v2", nvml.init) &&
                        take(nvml.library, "nvmlShutdown", nvml.shutdown) &&
                        take(nvml.library, "nvmlDeviceGetCount_v2", nvml.count) &&
                        take(nvml.library, "nvmlDeviceGetHandleByIndex_v2", nvml.device) &&
                        take(nvml.library, "nvmlDeviceGetName", nvml.name) &&
                        take(nvml.library, "nvmlDeviceGetMemoryInfo", nvml.memory) &&
                        // v3 (drivers from 510 on) and v2 fill the same record.
                        (take(nvml.library, "nvmlDeviceGetComputeRunningProcesses_v3", nvml.processes) ||
                         take(nvml.library, "nvmlDeviceGetComputeRunningProcesses_v2", nvml.processes));
  if (!complete || nvml.init() != kSuccess) {
    ::dlclose(nvml.library);
    return none(complete ? "the driver does not answer" : "the driver is too old");
  }
  unsigned int count = 0;
  nvml.count(&count);
  const auto visible = visible_cards();
  std::vector<NvmlDevice> cards;
  std::string name;
  for (unsigned int i = 0; i < count; ++i) {
    NvmlDevice card = nullptr;
    if ((visible && !visible->contains(i)) || nvml.device(i, &card) != kSuccess) continue;
    char text[96] = "NVIDIA card";
    nvml.name(card, text, sizeof text);
    name = text;
    cards.push_back(card);
  }
  if (cards.empty()) {
    nvml.shutdown();
    ::dlclose(nvml.library);
    return none("there is no card, or CUDA_VISIBLE_DEVICES hides it");
  }
  if (cards.size() > 1) name = fmt::format("{} cards", cards.size());
  return std::make_unique<NvmlMonitor>(nvml, std::move(cards), std::move(name), paths.proc);
}

}  // namespace studio
