// What a file is held against: the plan rendered small, or the fingerprints of the sources; kept on disk.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/progress.h"
#include "base/result.h"
#include "editing/compile.h"
#include "editing/evidence.h"
#include "editing/fingerprint.h"
#include "timeline/plan.h"

namespace studio {

// The fingerprint of a file, from the cache when it was taken before (by content hash).
Result<Fingerprint> cached_fingerprint(const Path& file, const std::string& sha256, bool use_cache,
                                       const Job& job);

// The plan as it should look, at most kPrintWidth wide. Renders into a scratch folder.
// Errors: those of compile_plan() and render().
Result<Fingerprint> render_reference(const EditPlan& plan, std::span<const EditSource> sources,
                                     bool use_cache, const Job& job);

// Binary form of a fingerprint; the reader refuses any other version or size.
std::string to_bytes(const Fingerprint& print);
Result<Fingerprint> fingerprint_from_bytes(std::string_view bytes);

}  // namespace studio
