// The finished picture of a timeline, frame by frame.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "render/clip_picture.h"
#include "render/effects.h"
#include "render/placement.h"
#include "render/reader_pool.h"
#include "render/transitions.h"

namespace studio {

// Frames are asked for in order. A clip is opened when its first frame comes up and closed behind
// its last, so a timeline of any number of clips holds only what is on screen.
class Compositor {
 public:
  // The timeline must outlive the compositor. decoder_threads and stop as in VideoReaderOptions.
  static Result<Compositor> create(const Timeline& timeline, const std::string& working_format,
                                   int decoder_threads, std::stop_token stop = {});
  Compositor(Compositor&&) noexcept;
  Compositor& operator=(Compositor&&) noexcept;
  ~Compositor();

  std::int64_t frames() const;
  // Frame `n`: canvas size, working format, BT.709 limited.
  Result<Frame> frame(std::int64_t n);
  const std::vector<std::string>& warnings() const;

 private:
  struct State;
  explicit Compositor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace studio
