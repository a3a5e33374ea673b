// The inputs of the policy: requests, leases, and what became of loads and unloads.
#include "models/residency.h"

#include <algorithm>

#include <fmt/format.h>

namespace studio {
namespace {

using namespace std::chrono_literals;

double seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

std::uint64_t less(std::uint64_t a, std::uint64_t b) {
  return a - std::min(a, b);
}

}  // namespace

MemoryAmount operator+(const MemoryAmount& a, const MemoryAmount& b) {
  return {a.gpu + b.gpu, a.host + b.host};
}

MemoryAmount operator-(const MemoryAmount& a, const MemoryAmount& b) {
  return {less(a.gpu, b.gpu), less(a.host, b.host)};
}

bool Residency::Model::resident() const {
  return residence == Residence::loading || residence == Residence::ready || residence == Residence::draining;
}

MemoryAmount Residency::Model::bytes() const {
  return {std::max(spec.need.gpu, measured.gpu), std::max(spec.need.host, measured.host)};
}

Residency::Model* Residency::find(std::string_view id) {
  const auto found = models_.find(id);
  return found == models_.end() ? nullptr : &found->second;
}

const Residency::Model* Residency::find(std::string_view id) const {
  const auto found = models_.find(id);
  return found == models_.end() ? nullptr : &found->second;
}

Residency::Actions Residency::put_model(const ResidentSpec& spec, Time now) {
  Actions actions;
  Model& model = models_[spec.id];
  model.spec = spec;
  model.spec.places = std::max(1, spec.places);
  settle(now, actions);
  return actions;
}

Residency::Actions Residency::set_budget(const MemoryAmount& budget, Time now) {
  Actions actions;
  budget_ = budget;
  settle(now, actions);
  return actions;
}

Residency::Actions Residency::ask(Ticket ticket, const Request& request, Time now) {
  using residency::Refuse;
  Model* model = find(request.model);
  if (model == nullptr)
    return {
        Refuse{ticket,
               {ErrorKind::not_found, fmt::format("use the model {}: it is not known", request.model), {}},
               0}};
  note_pause(*model, now);
  note_order(*model);
  if (model->residence == Residence::failed) {
    if (!model->retry_at || *model->retry_at > now)
      return {Refuse{ticket, model->failure,
                     model->retry_at ? std::max(0.1, seconds(*model->retry_at - now)) : 0}};
    model->residence = Residence::cold;
  }
  Actions actions;
  const Waiting waiting{ticket, now,
                        request.patience > 0ms ? std::optional(now + request.patience) : std::nullopt,
                        request.batch};
  // The way of nearly every request: nothing else can change by it.
  if (model->residence == Residence::ready && !model->closing && model->queue.empty() &&
      model->leases < model->spec.places) {
    grant(*model, waiting, now, actions);
    return actions;
  }
  if (!model->resident() && !can_ever_fit(*model))
    return {Refuse{ticket,
                   {ErrorKind::limit_exceeded, arithmetic(*model),
                    "use a smaller model or a shorter context, or unpin another"},
                   0}};
  if (static_cast<int>(model->queue.size()) >= options_.max_waiting_per_model ||
      static_cast<int>(waiting_.size()) >= options_.max_waiting)
    return {Refuse{
        ticket,
        {ErrorKind::limit_exceeded,
         fmt::format("wait for the model {}: {} requests wait already", request.model, model->queue.size()),
         {}},
        retry_after(*model)}};
  model->queue.push_back(waiting);
  waiting_.emplace(ticket, request.model);
  settle(now, actions);
  return actions;
}

Residency::Actions Residency::cancel(Ticket ticket, Time now) {
  Actions actions;
  const auto found = waiting_.find(ticket);
  if (found == waiting_.end()) return actions;
  Model& model = *find(found->second);
  std::erase_if(model.queue, [&](const Waiting& waiting) { return waiting.ticket == ticket; });
  waiting_.erase(found);
  settle(now, actions);
  return actions;
}

Residency::Actions Residency::release(Ticket ticket, Time now) {
  Actions actions;
  const auto found = granted_.find(ticket);
  if (found == granted_.end()) return actions;
  Model& model = *find(found->second.model);
  const double held = seconds(now - found->second.since);
  model.lease_seconds = model.lease_seconds == 0 ? held : 0.8 * model.lease_seconds + 0.2 * held;
  --model.leases;
  model.batches -= found->second.batch ? 1 : 0;
  model.last_used = now;
  if (model.leases == 0) model.last_idle = now;
  granted_.erase(found);
  if (somebody_waits_ || model.closing)
    settle(now, actions);
  else if (model.leases == 0 && options_.idle_unload > 0ms)
    wake_at(now + options_.idle_unload);
  return actions;
}

Residency::Actions Residency::load(std::string_view id, Time now) {
  Actions actions;
  Model* model = find(id);
  if (model == nullptr) return actions;
  if (model->residence == Residence::failed) model->residence = Residence::cold;
  model->closing.reset();
  if (model->residence != Residence::ready && model->residence != Residence::loading)
    model->wanted_since = now;
  settle(now, actions);
  return actions;
}

Residency::Actions Residency::unload(std::string_view id, Time now, std::string why) {
  Actions actions;
  Model* model = find(id);
  if (model == nullptr) return actions;
  model->wanted_since.reset();
  // One that is loading goes as soon as it is there.
  if (model->residence == Residence::ready || model->residence == Residence::loading)
    model->closing = std::move(why), model->closing_for.clear();
  settle(now, actions);
  return actions;
}

Residency::Actions Residency::pin(std::string_view id, bool pinned, Time now) {
  Actions actions;
  if (Model* model = find(id)) model->spec.pinned = pinned;
  settle(now, actions);
  return actions;
}

Residency::Actions Residency::loaded(std::string_view id, const MemoryAmount& measured, double load_seconds,
                                     Time now) {
  Actions actions;
  Model* model = find(id);
  if (model == nullptr || model->residence != Residence::loading) return actions;
  model->residence = Residence::ready;
  model->measured = measured;
  model->load_seconds = load_seconds;
  model->wanted_since.reset();
  if (!model->ready_since) model->ready_since = now;
  if (model->leases == 0) model->last_idle = now;
  model->warmed = false;
  warm_next(*model, actions);
  settle(now, actions);
  return actions;
}

Residency::Actions Residency::load_failed(std::string_view id, const Error& error,
                                          std::chrono::milliseconds retry_after, Time now) {
  Actions actions;
  Model* model = find(id);
  if (model == nullptr) return actions;
  model->residence = Residence::failed;
  model->measured = {};
  model->ready_since.reset();
  model->wanted_since.reset();
  model->closing.reset();
  model->failure = error;
  const bool never = retry_after == std::chrono::milliseconds::max();
  model->retry_at = never ? std::nullopt : std::optional(now + retry_after);
  refuse_all(*model, error, never ? 0 : seconds(retry_after), actions);
  settle(now, actions);
  return actions;
}

Residency::Actions Residency::unloaded(std::string_view id, Time now) {
  Actions actions;
  Model* model = find(id);
  if (model == nullptr) return actions;
  if (model->residence == Residence::draining) model->residence = Residence::cold;
  model->measured = {};
  model->ready_since.reset();
  model->closing.reset();
  settle(now, actions);
  return actions;
}

Residency::Actions Residency::lost(std::string_view id, Time now) {
  Actions actions;
  Model* model = find(id);
  if (model == nullptr || model->residence != Residence::ready) return actions;
  model->residence = Residence::loading;
  settle(now, actions);
  return actions;
}

Residency::Actions Residency::tick(Time now) {
  Actions actions;
  settle(now, actions);
  return actions;
}

std::optional<Residency::Time> Residency::next_time() const {
  return wake_;
}

std::vector<Residency::View> Residency::models() const {
  std::vector<View> views;
  for (const auto& [id, model] : models_) views.push_back(*this->model(id));
  return views;
}

std::optional<Residency::View> Residency::model(std::string_view id) const {
  const Model* model = find(id);
  if (model == nullptr) return std::nullopt;
  View view;
  view.id = model->spec.id;
  view.residence =
      model->residence == Residence::ready && model->closing ? Residence::draining : model->residence;
  view.bytes = model->bytes();
  view.places = model->spec.places;
  view.leases = model->leases;
  view.waiting = static_cast<int>(model->queue.size());
  view.pinned = model->spec.pinned;
  view.last_used = model->last_used;
  if (view.residence == Residence::draining) view.why = model->closing.value_or("");
  if (view.residence == Residence::failed) view.why = model->failure.message;
  return view;
}

std::optional<Error> Residency::failure(std::string_view id) const {
  const Model* model = find(id);
  if (model == nullptr || model->residence != Residence::failed) return std::nullopt;
  return model->failure;
}

bool Residency::ready_now(std::string_view id) const {
  const Model* model = find(id);
  return model != nullptr && model->residence == Residence::ready && !model->closing &&
         model->queue.empty() && model->leases < model->spec.places;
}

MemoryAmount Residency::taken() const {
  MemoryAmount sum;
  for (const auto& [id, model] : models_)
    if (model.resident()) sum = sum + model.bytes();
  return sum;
}

std::string Residency::arithmetic(std::string_view id) const {
  const Model* model = find(id);
  return model == nullptr ? std::string() : arithmetic(*model);
}

// The first request after a pause tells how soon this model's clients come back.
void Residency::note_pause(Model& model, Time now) {
  if (!model.idle() || !model.last_idle || !model.last_used) return;
  const double pause = seconds(now - *model.last_idle);
  model.usual_pause_s = model.usual_pause_s ? 0.5 * *model.usual_pause_s + 0.5 * pause : pause;
}

void Residency::note_order(Model& model) {
  if (last_asked_ == model.spec.id) return;
  if (Model* before = find(last_asked_)) ++before->followed_by[model.spec.id];
  last_asked_ = model.spec.id;
}

void Residency::refuse_all(Model& model, const Error& error, double retry_after_s, Actions& actions) {
  for (const Waiting& waiting : model.queue) {
    actions.push_back(residency::Refuse{waiting.ticket, error, retry_after_s});
    waiting_.erase(waiting.ticket);
  }
  model.queue.clear();
}

// About when a place could be free: the queue's work, and a turn of the others when it is not loaded.
double Residency::retry_after(const Model& model) const {
  const double one = std::max(0.2, model.lease_seconds);
  const double queue = one * (static_cast<double>(model.queue.size()) + 1) / model.spec.places;
  const double load = model.residence == Residence::ready ? 0 : std::max(1.0, model.load_seconds);
  return std::clamp(queue + load, 1.0, 60.0);
}

}  // namespace studio
