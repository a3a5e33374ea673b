// Parts that the checks of wishes share, and those checks that stand in files of their own. Internal to
// editing/.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "editing/constraints.h"

namespace studio::checks {

// Params of a wish by name, with a fallback when absent or of another type.
double number(const Json& wanted, const char* key, double fallback);
std::string text_of(const Json& wanted, const char* key);
bool has(const Json& wanted, const char* key);

// from_s and to_s of a wish in output seconds; below 0 from the end, absent all of it.
std::pair<double, double> stretch_of(const Json& wanted, const Fingerprint& file);
double frame_s(const Fingerprint& file);
int source_index(const Measured& m, const std::string& id);  // -1: unknown
bool knows_sources(const Measured& m);
// Frames of the file that show [start, end) of a source.
std::vector<std::size_t> frames_showing(const Measured& m, int source, double start, double end);
// Frames of the file a wish is about: a span of a source, first or last seconds of the output, or all.
std::vector<std::size_t> frames_meant(const Measured& m, const Json& wanted);

using Check = void (*)(const Json& wanted, const Measured& m, ConstraintCheck& check);

// Sound.
void check_silence(const Json& wanted, const Measured& m, ConstraintCheck& check);
void check_sound(const Json& wanted, const Measured& m, ConstraintCheck& check);
void check_music(const Json& wanted, const Measured& m, ConstraintCheck& check);
void check_sound_effect(const Json& wanted, const Measured& m, ConstraintCheck& check);
void check_volume(const Json& wanted, const Measured& m, ConstraintCheck& check);
void check_loudness(const Json& wanted, const Measured& m, ConstraintCheck& check);
void check_sound_fade(const Json& wanted, const Measured& m, ConstraintCheck& check, bool in);

// Moments.
void check_freeze(const Json& wanted, const Measured& m, ConstraintCheck& check);
void check_before(const Json& wanted, const Measured& m, ConstraintCheck& check);
void check_beats(const Json& wanted, const Measured& m, ConstraintCheck& check);
// From or to the wanted colour.
void check_picture_fade(const Json& wanted, const Measured& m, ConstraintCheck& check, bool in);

// Looks.
void check_fade_in(const Json& wanted, const Measured& m, ConstraintCheck& check);
void check_fade_out(const Json& wanted, const Measured& m, ConstraintCheck& check);
void check_effect(const Json& wanted, const Measured& m, ConstraintCheck& check);
void check_transition(const Json& wanted, const Measured& m, ConstraintCheck& check);
void check_composite(const Json& wanted, const Measured& m, ConstraintCheck& check);

// Without a plan: from the file, and from the sources where they are known. What neither can show stays open,
// with the reason in `measured`.
void check_effect_unplanned(const Json& wanted, const Measured& m, ConstraintCheck& check);
void check_transition_unplanned(const Json& wanted, const Measured& m, ConstraintCheck& check);
void check_music_unplanned(const Json& wanted, const Measured& m, ConstraintCheck& check);
// dB; nothing when the music is not heard for three seconds.
std::optional<double> bed_gain_db(const SoundPrint& sound, const Path& music);
void check_volume_unplanned(const Json& wanted, const Measured& m, ConstraintCheck& check);

}  // namespace studio::checks
