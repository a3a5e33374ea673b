// Compiling a plan from its files, with as little looking at them as its decisions need.
#include <algorithm>

#include "editing/compile.h"
#include "editing/plan_cuts.h"

namespace studio {
namespace {

// A plan that holds the file's hash was made from this film's shots: their names are true. Names
// that somebody wrote by hand are checked by watching.
bool names_unknown_shots(const EditPlan& plan, const PlanSource& source) {
  if (!source.sha256.empty()) return false;
  return std::ranges::any_of(plan.decisions, [&](const Decision& d) {
    if (d.type != DecisionType::cut || text_param(d, "shot").empty()) return false;
    const std::string of = text_param(d, "source");
    return of == source.id || of.empty();
  });
}

Result<EditSource> watched(const PlanSource& named, const AnalysisOptions& watching, const Job& job) {
  EditPlan alone;
  alone.sources.push_back(named);
  TRY_ASSIGN(auto sources, watch_sources(alone, watching, job));
  return std::move(sources.front());
}

}  // namespace

Result<CompiledEdit> compile_from_files(const EditPlan& plan, const CompileOptions& options,
                                        const AnalysisOptions& watching, const Job& job) {
  if (plan.sources.empty())
    return fail(ErrorKind::invalid_input, "the plan names no source", "add \"sources\" [{id, path}]");
  std::vector<EditSource> sources;
  std::set<std::string> had_to;
  for (const PlanSource& named : plan.sources) {
    if (names_unknown_shots(plan, named)) {
      TRY_ASSIGN(EditSource source, watched(named, watching, job));
      sources.push_back(std::move(source));
      had_to.insert(named.id);
      continue;
    }
    TRY_ASSIGN(EditSource source, unwatched_source(named.id, named.path, !named.sha256.empty(), job));
    TRY(check_hash(named, source));
    sources.push_back(std::move(source));
  }
  TRY_ASSIGN(CompiledEdit edit, compile_plan(plan, sources, options));
  if (!edit.to_watch.empty()) {
    for (std::size_t i = 0; i < sources.size(); ++i) {
      if (!edit.to_watch.contains(sources[i].id)) continue;
      TRY_ASSIGN(sources[i], watched(plan.sources[i], watching, job));
      had_to.insert(sources[i].id);
    }
    TRY_ASSIGN(edit, compile_plan(plan, sources, options));
  }
  edit.watched = std::move(had_to);
  return edit;
}

}  // namespace studio
