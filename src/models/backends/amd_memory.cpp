// AMD cards by the amdgpu driver's files in /sys, and who holds their memory by /proc/<pid>/fdinfo.
#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "models/memory_monitor.h"
#include "models/process_memory.h"

namespace studio {
namespace {

// "drm-client-id:\t42": one client of the driver may have several descriptors open.
std::string word_of(std::string_view text, std::string_view key) {
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) return {};
  std::string_view rest = text.substr(at + key.size(), text.find('\n', at) - at - key.size());
  rest.remove_prefix(std::min(rest.find_first_not_of(": \t"), rest.size()));
  return std::string(rest);
}

class AmdMemory : public MemoryMonitor {
 public:
  AmdMemory(std::vector<Path> cards, Path proc) : cards_(std::move(cards)), proc_(std::move(proc)) {}
  bool is_gpu() const override { return true; }

  std::uint64_t bytes_of(pid_t pid) const override { return held_by({&pid, 1}); }

 protected:
  Result<MemoryReading> look(std::span<const pid_t> ours) const override {
    MemoryReading reading;
    for (const Path& card : cards_) {
      const auto total = read_kernel_number(card / "mem_info_vram_total");
      const auto used = read_kernel_number(card / "mem_info_vram_used");
      if (!total || !used)
        return fail(ErrorKind::io, fmt::format("read the card's memory from {}", card.string()));
      reading.total_bytes += *total;
      reading.used_bytes += *used;
    }
    reading.ours_bytes = std::min(held_by(ours), reading.used_bytes);
    reading.others_bytes = reading.used_bytes - reading.ours_bytes;
    reading.source = "amd-sysfs";
    reading.device = cards_.size() > 1 ? fmt::format("{} cards", cards_.size()) : "AMD card";
    return reading;
  }

 private:
  std::uint64_t held_by(std::span<const pid_t> roots) const {
    std::uint64_t bytes = 0;
    std::set<std::string> clients;
    for (const pid_t pid : process_trees(proc_, roots)) {
      std::error_code ec;
      for (const auto& file :
           std::filesystem::directory_iterator(proc_ / std::to_string(pid) / "fdinfo", ec)) {
        const std::string text = read_kernel_file(file.path());
        if (word_of(text, "drm-driver") != "amdgpu") continue;
        if (!clients.insert(word_of(text, "drm-pdev") + "/" + word_of(text, "drm-client-id")).second)
          continue;
        bytes += 1024 * kilobytes_of(text, "drm-memory-vram");
      }
    }
    return bytes;
  }

  const std::vector<Path> cards_;  // /sys/class/drm/card0/device
  const Path proc_;
};

}  // namespace

Result<std::unique_ptr<MemoryMonitor>> amd_memory(const MonitorPaths& paths) {
  std::vector<Path> cards;
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator(paths.sys / "class/drm", ec)) {
    const std::string name = entry.path().filename().string();
    // "card0", not its connectors "card0-DP-1".
    if (!name.starts_with("card") || name.find_first_not_of("0123456789", 4) != std::string::npos) continue;
    if (read_kernel_number(entry.path() / "device/mem_info_vram_total").value_or(0) > 0)
      cards.push_back(entry.path() / "device");
  }
  if (cards.empty())
    return fail(ErrorKind::missing_part, "look at the memory of AMD cards: there is none",
                "go without a card");
  std::ranges::sort(cards);
  return std::make_unique<AmdMemory>(std::move(cards), paths.proc);
}

}  // namespace studio
