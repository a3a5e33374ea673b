// FFmpeg filter graphs built through the API with typed options: no text of a person is ever
// parsed as a filter description.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "media/frame.h"

namespace studio {

// A value for one option. Texts are taken literally by the option's own type (a drawtext `text`
// shows them, an enum option looks them up, an expression option compiles them).
using FilterValue = std::variant<std::int64_t, double, Rational, std::string>;

// One filter by its FFmpeg name and its options, in order.
struct FilterSpec {
  std::string filter;
  std::vector<std::pair<std::string, FilterValue>> options;
};

// A piece of graph with one input and one output: nodes, and links between their pads.
// Node kInput is the piece's input, kOutput its output. A plain chain needs no links: see chain().
struct FilterFragment {
  static constexpr int kInput = -1, kOutput = -2;
  struct Link {
    int from = kInput, from_pad = 0;
    int to = kOutput, to_pad = 0;
  };
  std::vector<FilterSpec> nodes;
  std::vector<Link> links;
  bool empty() const { return nodes.empty(); }
};

// input -> first -> second -> ... -> output
FilterFragment chain(std::vector<FilterSpec> filters);
// a's output into b's input.
FilterFragment joined(FilterFragment a, FilterFragment b);

struct PictureStreamFormat {
  int width = 0, height = 0;
  std::string format;         // pixel format name
  Rational time_base{1, 25};  // ticks of the pts pushed
  Rational frame_rate{0, 1};  // 0/1: unknown or variable
  Rational sample_aspect{1, 1};
};

struct SoundStreamFormat {
  int sample_rate = 48000, channels = 2;  // planar float; pts tick once a sample
};

// Limits: a graph of more nodes is limit_exceeded.
inline constexpr int kMaxFilterNodes = 512;

class FilterGraph {
 public:
  using Node = int;  // handle inside this graph

  // threads: for slice-threaded filters; 0: one per core.
  static Result<FilterGraph> create(int threads = 0);
  FilterGraph(FilterGraph&&) noexcept;
  FilterGraph& operator=(FilterGraph&&) noexcept;
  ~FilterGraph();

  Result<Node> add_source(const PictureStreamFormat& format);
  Result<Node> add_source(const SoundStreamFormat& format);
  // The source takes size, format, aspect and colour tags of this picture.
  Result<Node> add_source_like(const Frame& picture, Rational time_base, Rational frame_rate);
  // Errors: unsupported (this FFmpeg has no such filter), wrong_usage (no such option or value).
  Result<Node> add(const FilterSpec& spec);
  // Output pad `from_pad` of `from` into input pad `to_pad` of `to`.
  Result<void> link(Node from, int from_pad, Node to, int to_pad);
  // Adds a fragment behind pad 0 of `from`; returns the node whose pad 0 is its output.
  Result<Node> append(Node from, const FilterFragment& fragment);
  // formats: accepted pixel formats, empty: any (conversion filters are put in as needed).
  Result<Node> add_picture_sink(const std::vector<std::string>& formats = {});
  Result<Node> add_sound_sink(const SoundStreamFormat& format);
  // Checks and wires everything; after this frames can be pushed.
  Result<void> configure();

  Result<void> push(Node source, const Frame& frame);
  Result<void> end(Node source);
  // Nothing: the graph wants more input, or has ended (see ended()).
  Result<std::optional<Frame>> pull(Node sink);
  bool ended(Node sink) const;
  PictureStreamFormat format_of(Node sink) const;
  // Runtime command to one filter, e.g. ("x", "100"). Errors: wrong_usage.
  Result<void> command(Node node, const std::string& name, const std::string& value);

 private:
  struct State;
  explicit FilterGraph(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Whether this FFmpeg build has the filter.
bool has_filter(std::string_view name);

}  // namespace studio
