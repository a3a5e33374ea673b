// The model manager's leases as places at engines.
#include "gateway/places.h"

namespace studio {
namespace {

EnginePlace place_of(ModelLease lease) {
  const auto held = std::make_shared<const ModelLease>(std::move(lease));
  EnginePlace place;
  place.endpoint = &held->endpoint();
  place.upstream_model = held->upstream_model();
  place.api_key = held->api_key();
  place.engine = held->engine();
  place.capabilities = held->capabilities();
  if (held->pid() > 0)
    place.lost = [held](std::chrono::milliseconds patience) { return held->lost(patience); };
  place.keep = held;
  return place;
}

std::string lease_name(const RouteTarget& target) {
  if (target.engine.empty()) return target.model;
  return target.engine + "/" + (target.upstream_model.empty() ? target.model : target.upstream_model);
}

class ManagerPlaces final : public EnginePlaces {
 public:
  explicit ManagerPlaces(std::shared_ptr<ModelManager> manager) : manager_(std::move(manager)) {}

  std::optional<EnginePlace> try_place(const RouteTarget& target, std::string_view holder) override {
    auto lease = target.engine.empty() ? manager_->try_lease(target.model, holder)
                                       : manager_->try_lease(lease_name(target), holder);
    if (!lease) return std::nullopt;
    return place_of(*std::move(lease));
  }

  void place_async(const RouteTarget& target, LeaseOptions options,
                   std::function<void(Result<EnginePlace>)> then) override {
    manager_->lease_async(lease_name(target), std::move(options),
                          [then = std::move(then)](Result<ModelLease> lease) {
                            if (lease)
                              then(place_of(*std::move(lease)));
                            else
                              then(std::unexpected(std::move(lease).error()));
                          });
  }

 private:
  std::shared_ptr<ModelManager> manager_;
};

}  // namespace

std::shared_ptr<EnginePlaces> places_of(std::shared_ptr<ModelManager> manager) {
  return std::make_shared<ManagerPlaces>(std::move(manager));
}

}  // namespace studio
