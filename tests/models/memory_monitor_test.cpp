// What the monitors read, against files and a driver that the test wrote.
#include "models/memory_monitor.h"

#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "models/page_cache.h"
#include "models/process_memory.h"

namespace studio {
namespace {

constexpr std::uint64_t kGiB = 1u << 30;

// A /proc and a /sys of the test's own.
struct MonitorTest : ::testing::Test {
  ScratchFolder folder = *ScratchFolder::create();
  MonitorPaths paths{folder.path() / "proc", folder.path() / "sys", "libnvidia-ml-that-is-not-there.so"};

  void put(const Path& file, const std::string& text) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void meminfo(std::uint64_t total_kb, std::uint64_t available_kb) {
    put(paths.proc / "meminfo", "MemTotal:       " + std::to_string(total_kb) +
                                    " kB\nMemFree: 1 kB\nMemAvailable:   " + std::to_string(available_kb) +
                                    " kB\n");
  }
  void process(pid_t pid, std::uint64_t anon_kb, std::uint64_t file_kb, const std::string& children = "") {
    const Path own = paths.proc / std::to_string(pid);
    put(own / "status", "Name:\tx\nVmRSS:\t1 kB\nRssAnon:\t" + std::to_string(anon_kb) + " kB\nRssFile:\t" +
                            std::to_string(file_kb) + " kB\nRssShmem:\t0 kB\n");
    put(own / "task" / std::to_string(pid) / "children", children);
  }
};

TEST_F(MonitorTest, TheMachinesMemoryIsSharedOut) {
  meminfo(16 << 20, 10 << 20);             // 16 GiB, 6 GiB in use
  process(100, 1 << 20, 2 << 20, "101 ");  // 1 GiB of its own, 2 GiB of mapped weights
  process(101, 512 << 10, 0);
  const auto monitor = host_memory(paths);
  const pid_t ours[] = {100};
  const auto reading = monitor->read(ours);
  ASSERT_TRUE(reading.has_value());
  EXPECT_EQ(reading->source, "host");
  EXPECT_EQ(reading->total_bytes, 16 * kGiB);
  EXPECT_EQ(reading->ours_bytes, 3 * kGiB + kGiB / 2) << "with its child";
  EXPECT_EQ(reading->others_bytes, 6 * kGiB - kGiB - kGiB / 2)
      << "mapped files are free memory to the kernel";
  EXPECT_EQ(reading->used_bytes, reading->ours_bytes + reading->others_bytes);
  EXPECT_EQ(monitor->bytes_of(100), reading->ours_bytes);
  EXPECT_EQ(monitor->bytes_of(4711), 0u);
  EXPECT_EQ(monitor->read()->peak_bytes, reading->ours_bytes) << "the peak stays";
}

TEST_F(MonitorTest, TheTightestCgroupCountsInBothVersions) {
  meminfo(64 << 20, 60 << 20);
  put(paths.proc / "self/cgroup", "0::/user.slice/job\n");
  const Path v2 = paths.sys / "fs/cgroup";
  put(v2 / "user.slice/job/memory.max", "max\n");
  put(v2 / "user.slice/job/memory.current", "1\n");
  put(v2 / "user.slice/memory.max", std::to_string(8 * kGiB));
  put(v2 / "user.slice/memory.current", std::to_string(5 * kGiB));
  put(v2 / "user.slice/memory.stat",
      "anon 1\ninactive_file " + std::to_string(kGiB) + "\nactive_file " + std::to_string(kGiB) + "\n");
  auto reading = host_memory(paths)->read();
  EXPECT_EQ(reading->source, "cgroup");
  EXPECT_EQ(reading->total_bytes, 8 * kGiB);
  EXPECT_EQ(reading->used_bytes, 3 * kGiB) << "the page cache is given up under pressure";

  put(paths.proc / "self/cgroup", "12:cpu,cpuacct:/docker/1f\n5:memory:/docker/1f\n1:name=systemd:/\n");
  const Path v1 = paths.sys / "fs/cgroup/memory/docker/1f";
  put(v1 / "memory.limit_in_bytes", std::to_string(4 * kGiB));
  put(v1 / "memory.usage_in_bytes", std::to_string(2 * kGiB));
  put(v1 / "memory.stat", "total_inactive_file " + std::to_string(kGiB) + "\ntotal_active_file 0\n");
  reading = host_memory(paths)->read();
  EXPECT_EQ(reading->source, "cgroup");
  EXPECT_EQ(reading->total_bytes, 4 * kGiB);
  EXPECT_EQ(reading->used_bytes, kGiB);

  put(v1 / "memory.limit_in_bytes", "9223372036854771712\n");  // v1's "no limit"
  EXPECT_EQ(host_memory(paths)->read()->source, "host");
}

TEST_F(MonitorTest, AMachineThatIsFullerThanItsGroupAllowsCountsToo) {
  meminfo(8 << 20, 1 << 20);
  put(paths.proc / "self/cgroup", "0::/\n");
  put(paths.sys / "fs/cgroup/memory.max", std::to_string(4 * kGiB));
  put(paths.sys / "fs/cgroup/memory.current", std::to_string(kGiB));
  const auto reading = host_memory(paths)->read();
  EXPECT_EQ(reading->total_bytes - reading->used_bytes, kGiB);
}

TEST_F(MonitorTest, WithoutProcThereIsAnErrorAndNoCrash) {
  EXPECT_EQ(host_memory(paths)->read().error().kind, ErrorKind::io);
}

TEST_F(MonitorTest, ThisMachineIsRead) {
  const pid_t ours[] = {::getpid()};
  const auto monitor = host_memory();
  const auto reading = monitor->read(ours);
  ASSERT_TRUE(reading.has_value());
  EXPECT_GT(reading->total_bytes, reading->used_bytes / 2);
  EXPECT_GT(reading->ours_bytes, 1u << 20);
  EXPECT_LT(reading->ours_bytes, reading->total_bytes);
}

TEST_F(MonitorTest, AmdCardsAreReadFromSysfs) {
  EXPECT_EQ(amd_memory(paths).error().kind, ErrorKind::missing_part);
  const Path drm = paths.sys / "class/drm";
  put(drm / "card0/device/mem_info_vram_total", std::to_string(16 * kGiB) + "\n");
  put(drm / "card0/device/mem_info_vram_used", std::to_string(6 * kGiB) + "\n");
  put(drm / "card0-DP-1/status", "connected");
  put(drm / "card1/device/vendor", "0x8086");  // a card without memory of its own
  process(100, 0, 0);
  const std::string client =
      "drm-driver:\tamdgpu\ndrm-pdev:\t0000:03:00.0\ndrm-client-id:\t7\ndrm-memory-vram:\t4194304 KiB\n";
  put(paths.proc / "100/fdinfo/5", client);
  put(paths.proc / "100/fdinfo/6", client);  // a second descriptor of the same client
  put(paths.proc / "100/fdinfo/7", "pos:\t0\n");
  const auto monitor = amd_memory(paths);
  ASSERT_TRUE(monitor.has_value()) << monitor.error().message;
  const pid_t ours[] = {100};
  const auto reading = (*monitor)->read(ours);
  EXPECT_EQ(reading->source, "amd-sysfs");
  EXPECT_EQ(reading->total_bytes, 16 * kGiB);
  EXPECT_EQ(reading->ours_bytes, 4 * kGiB);
  EXPECT_EQ(reading->others_bytes, 2 * kGiB);
  EXPECT_TRUE((*monitor)->is_gpu());
}

TEST_F(MonitorTest, NoDriverIsNoCard) {
  EXPECT_EQ(nvml_memory(paths).error().kind, ErrorKind::missing_part);
  EXPECT_EQ(gpu_memory(paths), nullptr);
}

// A driver of the test's own: two cards of 16 GiB; processes of FAKE_NVML_PID hold 5 GiB of the first.
TEST_F(MonitorTest, NvidiaCardsAreReadThroughTheirLibrary) {
  paths.nvml = STUDIO_FAKE_NVML;
  process(4242, 0, 0, "4243");
  process(4243, 0, 0);
  ::setenv("FAKE_NVML_PID", "4243", 1);
  const pid_t ours[] = {4242};
  {
    const auto monitor = nvml_memory(paths);
    ASSERT_TRUE(monitor.has_value()) << monitor.error().message;
    const auto reading = (*monitor)->read(ours);
    ASSERT_TRUE(reading.has_value()) << reading.error().message;
    EXPECT_EQ(reading->source, "nvml");
    EXPECT_EQ(reading->device, "2 cards");
    EXPECT_EQ(reading->total_bytes, 32 * kGiB);
    EXPECT_EQ(reading->ours_bytes, 5 * kGiB);
    EXPECT_EQ(reading->others_bytes, 3 * kGiB);
    EXPECT_EQ((*monitor)->bytes_of(4242), 5 * kGiB);
    EXPECT_EQ((*monitor)->bytes_of(1), 0u);
  }
  ::setenv("CUDA_VISIBLE_DEVICES", "1", 1);
  EXPECT_EQ((*nvml_memory(paths))->read(ours)->total_bytes, 16 * kGiB);
  EXPECT_EQ((*nvml_memory(paths))->read(ours)->device, "Fake RTX 4080");
  ::setenv("CUDA_VISIBLE_DEVICES", "-1", 1);
  EXPECT_EQ(nvml_memory(paths).error().kind, ErrorKind::missing_part);
  ::unsetenv("CUDA_VISIBLE_DEVICES");
  ::setenv("FAKE_NVML_FAILS", "1", 1);
  EXPECT_EQ(nvml_memory(paths).error().kind, ErrorKind::missing_part) << "no driver behind the library";
  ::unsetenv("FAKE_NVML_FAILS");
}

TEST(PageCache, AFileIsReadIntoItAndSeenThere) {
  const ScratchFolder folder = *ScratchFolder::create();
  const Path file = folder.path() / "weights";
  std::ofstream(file, std::ios::binary) << std::string(3u << 20, 'w');
  ASSERT_TRUE(warm_file(file).has_value());
  const auto share = cached_share(file);
  ASSERT_TRUE(share.has_value()) << share.error().message;
  EXPECT_GT(*share, 0.99);
  EXPECT_EQ(warm_file(folder.path() / "none").error().kind, ErrorKind::not_found);
  EXPECT_EQ(cached_share(folder.path() / "none").error().kind, ErrorKind::not_found);
}

}  // namespace
}  // namespace studio
