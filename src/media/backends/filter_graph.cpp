// FilterGraph over libavfilter: nodes are allocated, given options one by one, then linked.
#include "media/filter_graph.h"

#include <fmt/format.h>

#include "media/backends/ffmpeg.h"

extern "C" {
#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/opt.h>
}

namespace studio {

namespace {

struct FreeGraph {
  void operator()(AVFilterGraph* p) const { avfilter_graph_free(&p); }
};

// AVFilterContext options live on the context and on its private object.
int set_option(AVFilterContext* node, const std::string& name, const FilterValue& value) {
  constexpr int kFlags = AV_OPT_SEARCH_CHILDREN;
  struct Setter {
    AVFilterContext* node;
    const std::string& name;
    // Expression options ("x", "w") are strings: a number is its text there.
    int number_as_text(const std::string& text) const {
      return av_opt_set(node, name.c_str(), text.c_str(), kFlags);
    }
    int operator()(std::int64_t v) const { return number_as_text(std::to_string(v)); }
    int operator()(double v) const { return number_as_text(fmt::format("{:.12g}", v)); }
    int operator()(Rational v) const { return number_as_text(v.to_string()); }
    int operator()(const std::string& v) const { return av_opt_set(node, name.c_str(), v.c_str(), kFlags); }
  };
  return std::visit(Setter{node, name}, value);
}

// FFmpeg 5.1's scale takes over the dictionary without asking whether there is one.
int initialize(AVFilterContext* node) {
  AVDictionary* none = nullptr;
  const int code = avfilter_init_dict(node, &none);
  av_dict_free(&none);
  return code;
}

}  // namespace

FilterFragment chain(std::vector<FilterSpec> filters) {
  FilterFragment fragment;
  fragment.nodes = std::move(filters);
  int from = FilterFragment::kInput;
  for (int i = 0; i < static_cast<int>(fragment.nodes.size()); ++i) {
    fragment.links.push_back({from, 0, i, 0});
    from = i;
  }
  fragment.links.push_back({from, 0, FilterFragment::kOutput, 0});
  return fragment;
}

FilterFragment joined(FilterFragment a, FilterFragment b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  const int shift = static_cast<int>(a.nodes.size());
  FilterFragment::Link out;
  std::erase_if(a.links, [&](const FilterFragment::Link& link) {
    if (link.to == FilterFragment::kOutput) out = link;
    return link.to == FilterFragment::kOutput;
  });
  for (FilterSpec& node : b.nodes) a.nodes.push_back(std::move(node));
  for (FilterFragment::Link link : b.links) {
    if (link.from == FilterFragment::kInput) {
      link.from = out.from;
      link.from_pad = out.from_pad;
    } else {
      link.from += shift;
    }
    if (link.to != FilterFragment::kOutput) link.to += shift;
    a.links.push_back(link);
  }
  return a;
}

struct FilterGraph::State {
  std::unique_ptr<AVFilterGraph, FreeGraph> graph;
  std::vector<AVFilterContext*> nodes;
  std::vector<bool> ended;
  std::vector<std::pair<Node, Node>> entries;  // a sound sink and the conversion before it

  AVFilterContext* at(Node node) const { return nodes[static_cast<std::size_t>(node)]; }
  Result<AVFilterContext*> allocate(const std::string& filter);
  Result<Node> keep(AVFilterContext* context, int init_code);
};

FilterGraph::FilterGraph(std::unique_ptr<State> state) : state_(std::move(state)) {}
FilterGraph::FilterGraph(FilterGraph&&) noexcept = default;
FilterGraph& FilterGraph::operator=(FilterGraph&&) noexcept = default;
FilterGraph::~FilterGraph() = default;

bool has_filter(std::string_view name) {
  return avfilter_get_by_name(std::string(name).c_str()) != nullptr;
}

Result<FilterGraph> FilterGraph::create(int threads) {
  ffmpeg::keep_quiet();
  auto state = std::make_unique<State>();
  state->graph.reset(avfilter_graph_alloc());
  if (!state->graph) return fail(ErrorKind::limit_exceeded, "make a filter graph: out of memory");
  state->graph->nb_threads = threads;
  return FilterGraph(std::move(state));
}

Result<AVFilterContext*> FilterGraph::State::allocate(const std::string& filter) {
  if (nodes.size() >= static_cast<std::size_t>(kMaxFilterNodes))
    return fail(ErrorKind::limit_exceeded,
                fmt::format("add the filter {}: a graph may have {} filters", filter, kMaxFilterNodes));
  const AVFilter* found = avfilter_get_by_name(filter.c_str());
  if (found == nullptr)
    return fail(ErrorKind::unsupported,
                fmt::format("add the filter {}: this FFmpeg does not have it", filter),
                "install an FFmpeg build with this filter");
  AVFilterContext* context =
      avfilter_graph_alloc_filter(graph.get(), found, fmt::format("{}_{}", filter, nodes.size()).c_str());
  if (context == nullptr)
    return fail(ErrorKind::limit_exceeded, fmt::format("add the filter {}: out of memory", filter));
  return context;
}

Result<FilterGraph::Node> FilterGraph::State::keep(AVFilterContext* context, int init_code) {
  if (init_code < 0)
    return fail(ErrorKind::wrong_usage,
                fmt::format("set up the filter {}: {}", context->filter->name, ffmpeg::text_of(init_code)));
  nodes.push_back(context);
  ended.push_back(false);
  return static_cast<Node>(nodes.size()) - 1;
}

Result<FilterGraph::Node> FilterGraph::add_source(const PictureStreamFormat& format) {
  State& s = *state_;
  TRY_ASSIGN(AVFilterContext * context, s.allocate("buffer"));
  AVBufferSrcParameters* par = av_buffersrc_parameters_alloc();
  if (par == nullptr) return fail(ErrorKind::limit_exceeded, "add a picture source: out of memory");
  par->format = av_get_pix_fmt(format.format.c_str());
  par->width = format.width;
  par->height = format.height;
  par->time_base = ffmpeg::av_rational(format.time_base);
  if (format.frame_rate.positive()) par->frame_rate = ffmpeg::av_rational(format.frame_rate);
  par->sample_aspect_ratio = ffmpeg::av_rational(format.sample_aspect);
  int code = av_buffersrc_parameters_set(context, par);
  av_free(par);
  if (code >= 0) code = initialize(context);
  return s.keep(context, code);
}

Result<FilterGraph::Node> FilterGraph::add_source_like(const Frame& picture, Rational time_base,
                                                       Rational frame_rate) {
  State& s = *state_;
  const AVFrame* frame = picture.native();
  TRY_ASSIGN(AVFilterContext * context, s.allocate("buffer"));
  AVBufferSrcParameters* par = av_buffersrc_parameters_alloc();
  if (par == nullptr) return fail(ErrorKind::limit_exceeded, "add a picture source: out of memory");
  par->format = frame->format;
  par->width = frame->width;
  par->height = frame->height;
  par->time_base = ffmpeg::av_rational(time_base);
  if (frame_rate.positive()) par->frame_rate = ffmpeg::av_rational(frame_rate);
  par->sample_aspect_ratio = frame->sample_aspect_ratio;
#if LIBAVFILTER_VERSION_MAJOR >= 10
  par->color_space = frame->colorspace;
  par->color_range = frame->color_range;
#endif
  int code = av_buffersrc_parameters_set(context, par);
  av_free(par);
  if (code >= 0) code = initialize(context);
  return s.keep(context, code);
}

Result<FilterGraph::Node> FilterGraph::add_source(const SoundStreamFormat& format) {
  State& s = *state_;
  TRY_ASSIGN(AVFilterContext * context, s.allocate("abuffer"));
  AVBufferSrcParameters* par = av_buffersrc_parameters_alloc();
  if (par == nullptr) return fail(ErrorKind::limit_exceeded, "add a sound source: out of memory");
  par->format = AV_SAMPLE_FMT_FLTP;
  par->sample_rate = format.sample_rate;
  par->time_base = {1, format.sample_rate};
  av_channel_layout_default(&par->ch_layout, format.channels);
  int code = av_buffersrc_parameters_set(context, par);
  av_channel_layout_uninit(&par->ch_layout);
  av_free(par);
  if (code >= 0) code = initialize(context);
  return s.keep(context, code);
}

Result<FilterGraph::Node> FilterGraph::add(const FilterSpec& spec) {
  State& s = *state_;
  TRY_ASSIGN(AVFilterContext * context, s.allocate(spec.filter));
  for (const auto& [name, value] : spec.options) {
    const int code = set_option(context, name, value);
    if (code == AVERROR_OPTION_NOT_FOUND)
      return fail(ErrorKind::wrong_usage,
                  fmt::format("set up the filter {}: it has no option '{}'", spec.filter, name));
    if (code < 0)
      return fail(ErrorKind::wrong_usage,
                  fmt::format("set up the filter {}: wrong value for '{}'", spec.filter, name));
  }
  return s.keep(context, initialize(context));
}

Result<void> FilterGraph::link(Node from, int from_pad, Node to, int to_pad) {
  for (const auto& [sink, entry] : state_->entries)
    if (to == sink && from != entry) to = entry;
  AVFilterContext* a = state_->at(from);
  AVFilterContext* b = state_->at(to);
  const int code = avfilter_link(a, static_cast<unsigned>(from_pad), b, static_cast<unsigned>(to_pad));
  if (code < 0)
    return ffmpeg::fail_with(code,
                             fmt::format("link the filters {} and {}", a->filter->name, b->filter->name));
  return {};
}

Result<FilterGraph::Node> FilterGraph::append(Node from, const FilterFragment& fragment) {
  if (fragment.empty()) return from;
  std::vector<Node> made;
  for (const FilterSpec& spec : fragment.nodes) {
    TRY_ASSIGN(const Node node, add(spec));
    made.push_back(node);
  }
  Node out = made.back();
  for (const FilterFragment::Link& l : fragment.links) {
    const Node source = l.from == FilterFragment::kInput ? from : made.at(static_cast<std::size_t>(l.from));
    if (l.to == FilterFragment::kOutput) {
      out = source;
      continue;
    }
    TRY(link(source, l.from_pad, made.at(static_cast<std::size_t>(l.to)), l.to_pad));
  }
  return out;
}

Result<FilterGraph::Node> FilterGraph::add_picture_sink(const std::vector<std::string>& formats) {
  State& s = *state_;
  TRY_ASSIGN(AVFilterContext * context, s.allocate("buffersink"));
  std::vector<int> ids;
  for (const std::string& name : formats) ids.push_back(av_get_pix_fmt(name.c_str()));
  int code = 0;
  if (!ids.empty()) {
#if LIBAVFILTER_VERSION_INT >= AV_VERSION_INT(10, 6, 100)
    code = av_opt_set_array(context, "pixel_formats", AV_OPT_SEARCH_CHILDREN, 0,
                            static_cast<unsigned>(ids.size()), AV_OPT_TYPE_PIXEL_FMT, ids.data());
#else
    code = av_opt_set_bin(context, "pix_fmts", reinterpret_cast<const std::uint8_t*>(ids.data()),
                          static_cast<int>(ids.size() * sizeof(int)), AV_OPT_SEARCH_CHILDREN);
#endif
  }
  if (code >= 0) code = initialize(context);
  return s.keep(context, code);
}

Result<FilterGraph::Node> FilterGraph::add_sound_sink(const SoundStreamFormat& format) {
  State& s = *state_;
  TRY_ASSIGN(const Node convert, add({"aformat",
                                      {{"sample_fmts", "fltp"},
                                       {"sample_rates", std::int64_t{format.sample_rate}},
                                       {"channel_layouts", fmt::format("{}c", format.channels)}}}));
  TRY_ASSIGN(AVFilterContext * context, s.allocate("abuffersink"));
  TRY_ASSIGN(const Node sink, s.keep(context, initialize(context)));
  TRY(link(convert, 0, sink, 0));
  s.entries.emplace_back(sink, convert);
  return sink;
}

Result<void> FilterGraph::configure() {
  if (const int code = avfilter_graph_config(state_->graph.get(), nullptr); code < 0)
    return fail(ErrorKind::wrong_usage, fmt::format("wire a filter graph: {}", ffmpeg::text_of(code)));
  return {};
}

Result<void> FilterGraph::push(Node source, const Frame& frame) {
  // KEEP_REF: the caller's reference stays his.
  const int code =
      av_buffersrc_add_frame_flags(state_->at(source), frame.native(), AV_BUFFERSRC_FLAG_KEEP_REF);
  if (code < 0) return ffmpeg::fail_with(code, "push a frame through the filters");
  return {};
}

Result<void> FilterGraph::end(Node source) {
  const int code = av_buffersrc_add_frame_flags(state_->at(source), nullptr, 0);
  if (code < 0 && code != AVERROR_EOF) return ffmpeg::fail_with(code, "end the input of the filters");
  return {};
}

Result<std::optional<Frame>> FilterGraph::pull(Node sink) {
  auto frame = ffmpeg::make_frame();
  const int code = av_buffersink_get_frame(state_->at(sink), frame.get());
  if (code == AVERROR(EAGAIN)) return std::nullopt;
  if (code == AVERROR_EOF) {
    state_->ended[static_cast<std::size_t>(sink)] = true;
    return std::nullopt;
  }
  if (code < 0) return ffmpeg::fail_with(code, "filter a frame");
  return std::optional<Frame>(Frame(frame.release()));
}

bool FilterGraph::ended(Node sink) const {
  return state_->ended[static_cast<std::size_t>(sink)];
}

PictureStreamFormat FilterGraph::format_of(Node sink) const {
  const AVFilterContext* context = state_->at(sink);
  PictureStreamFormat format;
  format.width = av_buffersink_get_w(context);
  format.height = av_buffersink_get_h(context);
  const char* name = av_get_pix_fmt_name(static_cast<AVPixelFormat>(av_buffersink_get_format(context)));
  format.format = name == nullptr ? "" : name;
  format.time_base = ffmpeg::rational(av_buffersink_get_time_base(context));
  format.frame_rate = ffmpeg::rational(av_buffersink_get_frame_rate(context));
  format.sample_aspect = ffmpeg::rational(av_buffersink_get_sample_aspect_ratio(context));
  return format;
}

Result<void> FilterGraph::command(Node node, const std::string& name, const std::string& value) {
  AVFilterContext* context = state_->at(node);
  const int code = avfilter_process_command(context, name.c_str(), value.c_str(), nullptr, 0, 0);
  if (code < 0)
    return fail(ErrorKind::wrong_usage,
                fmt::format("tell the filter {} {}: {}", context->filter->name, name, ffmpeg::text_of(code)));
  return {};
}

}  // namespace studio
