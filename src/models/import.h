// Taking a GGUF file of the person's own into the catalog: what its header says becomes an entry.
#pragma once

#include <string>

#include "models/catalog.h"

namespace studio {

struct ImportOptions {
  Path file{};         // of a split model any of its files
  Path projector{};    // the mmproj file of a model that looks at pictures; empty: none
  std::string id{};    // empty: from the header's name, else from the file's
  std::string task{};  // empty: from the header
  std::string licence{};
};

// Reads the header and hashes the file (about 1 GB/s), so that verify() can tell later whether it is
// still the same. Writes <imports folder>/<id>.yaml (atomically) with the file as a `path` source:
// used where it lies, never copied or removed. The same file again renews its entry. invalid_input
// names a damaged file; wrong_usage an id that another model has, or a file without weights of its own.
Result<ModelEntry> import_model(const ModelCatalog& catalog, const ImportOptions& options,
                                const Job& job = {});

}  // namespace studio
