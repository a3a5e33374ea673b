// The report of a run: one HTML file that stands alone.
#pragma once

#include <string>

#include "base/progress.h"
#include "base/result.h"
#include "editing/auto_edit.h"

namespace studio {

// Result strip, score per iteration, wishes against measurements, decisions with reasons, issues at their
// frames, where the time went. Pictures are taken from the delivered file (or the best iteration's).
// Errors: those of reading the file; interrupted.
Result<std::string> run_report_html(const EditRun& run, const Job& job = {});

}  // namespace studio
