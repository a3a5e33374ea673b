// What a person gets to see of an analysis: terminal text, HTML page, contact sheet, keyframes.
#pragma once

#include <string>
#include <vector>

#include "analysis/analysis.h"
#include "base/files.h"
#include "base/progress.h"
#include "base/result.h"

namespace studio {

struct ReportOptions {
  int picture_width = 320;  // of the keyframes in the page
  int most_pictures = 60;   // clips of more shots show every n-th in the strip; the table is complete
};

// One page that stands alone: pictures and curves are inside it, nothing is fetched. Pictures are read from
// analysis.source.path; when that fails the page says so in their place (and why), and is whole otherwise.
// Errors: interrupted.
Result<std::string> html_report(const Analysis& analysis, const ReportOptions& options = {},
                                const Job& job = {});

// Each shot's keyframe as FOLDER/shot1_frame49.jpg; the folder is made. Returns the files written.
// Errors: as grab_frames, io. On an error the files written so far are removed again.
Result<std::vector<Path>> write_keyframes(const Analysis& analysis, const Path& folder, const Job& job = {});

struct ContactSheetOptions {
  int columns = 0;  // 0: chosen by the number of shots
  int cell_width = 320;
  int most_cells = 48;  // of clips with more shots, evenly chosen
};
// All keyframes on one picture with shot, time, camera and score under each. JPEG or PNG by extension.
// Errors: as grab_frames, io, wrong_usage (another extension).
Result<void> write_contact_sheet(const Analysis& analysis, const Path& file,
                                 const ContactSheetOptions& options = {}, const Job& job = {});

// For the terminal: facts, scores, a line for each shot (at most `most_shots`), issues, insights. Ends with a
// newline.
std::string human_summary(const Analysis& analysis, int most_shots = 24);

// "pan right, zoom in": the moves' kinds in order, without repeats; the style when there are none.
std::string camera_words(const CameraJudgement& camera);

}  // namespace studio
