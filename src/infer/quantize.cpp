// Calibration: which numbers go through a network, and the scales that follow from them.
#include <algorithm>
#include <cmath>

#include "infer/infer.h"
#include "infer/quantize_write.h"

namespace pictor {
namespace {

// SmoothQuant's alpha: how much of the difficulty goes from the activations to the weights.
constexpr float kSmoothing = 0.5F;
constexpr float kSmoothingMost = 1e4F;

class Calibrated final : public NetworkQuantizer {
 public:
  Status prepare(const CalibrateRequest& request) {
    PICTOR_ASSIGN(const auto file, OnnxFile::open(Env::real(), request.path));
    PICTOR_ASSIGN(bytes_, cut_onnx(file.network(), file.bytes(), request.options.outputs, request.path));
    PICTOR_ASSIGN(network_, parse_onnx(bytes_, request.path));
    constants_ = std::make_unique<OnnxConstants>(network_, parent_path(request.path));
    PICTOR_ASSIGN(plan_, plan_quantization(network_, *constants_, request.path));
    for (const auto& point : plan_.points) {
      ranges_.emplace_back(point.channels);
      if (point.producer != kNoNode) taps_.push_back(point.name);
    }
    scales_.resize(plan_.points.size());
    positions_.resize(plan_.points.size());
    return Status::ok();
  }

  Status calibrate(const Runtime& runtime, const CalibrateRequest& request, const CalibrationPasses& passes) {
    std::unique_ptr<Model> model;
    if (!taps_.empty()) {
      PICTOR_ASSIGN(const auto tapped, write_tapped(network_, bytes_, *constants_, taps_));
      PICTOR_TRY(write_file_atomic(Env::real(), request.work_file, tapped));
      auto options = request.options;
      options.outputs = taps_;
      auto loaded = runtime.load(request.work_file, options);
      PICTOR_TRY(Env::real().remove(request.work_file));
      PICTOR_TRY(loaded.status());
      model = std::move(loaded).value();
    }
    PICTOR_TRY(watch(model.get(), passes, [this](std::size_t i, std::span<const float> values) {
      ranges_[i].add(values, plan_.points[i].planes);
      positions_[i] = std::max<std::uint64_t>(positions_[i], values.size() / ranges_[i].channels());
    }));
    for (std::size_t i = 0; i < plan_.points.size(); ++i) PICTOR_TRY(settle_channels(i));
    PICTOR_TRY(watch(model.get(), passes, [this](std::size_t i, std::span<const float> values) { count(i, values); }));
    for (std::size_t i = 0; i < plan_.points.size(); ++i) scales_[i].scale = histograms_[i].choose();
    histograms_.clear();
    describe_groups();
    return Status::ok();
  }

  const std::vector<QuantizedGroup>& groups() const override { return groups_; }

  Status write(const std::string& path, const std::vector<bool>& in_float) const override {
    PICTOR_ASSIGN(const auto bytes, write_quantized({network_, bytes_, *constants_, plan_, scales_}, in_float));
    return write_file_atomic(Env::real(), path, bytes);
  }

 private:
  using Use = std::function<void(std::size_t, std::span<const float>)>;

  // Gives every point's numbers of every pass to `use`.
  Status watch(const Model* model, const CalibrationPasses& passes, const Use& use) const {
    for (std::size_t pass = 0; pass < passes.count(); ++pass) {
      PICTOR_TRY(passes.run(pass, [&](std::span<const TensorView> inputs) -> Status {
        std::vector<OutputTensor> outputs;
        if (model != nullptr) {
          PICTOR_ASSIGN(outputs, model->run(inputs));
        }
        std::size_t tap = 0;
        for (std::size_t i = 0; i < plan_.points.size(); ++i) {
          const bool inside = plan_.points[i].producer != kNoNode;
          PICTOR_ASSIGN(const auto values,
                        inside ? checked(i, outputs[tap].shape, outputs[tap].values) : input_of(i, inputs));
          tap += inside ? 1 : 0;
          use(i, values);
        }
        return Status::ok();
      }));
    }
    return Status::ok();
  }

  Result<std::span<const float>> input_of(std::size_t i, std::span<const TensorView> inputs) const {
    const auto found = std::ranges::find(inputs, plan_.points[i].name, &TensorView::name);
    if (found == inputs.end() || found->type != ElementType::kF32) {
      return Status(Code::kInternal, "input '" + shown_name(plan_.points[i].name) + "' was not given as f32");
    }
    std::size_t size = 1;
    for (const auto side : found->shape) size *= static_cast<std::size_t>(side);
    return checked(i, found->shape, {static_cast<const float*>(found->data), size});
  }

  // The channels must be where the plan has them.
  Result<std::span<const float>> checked(std::size_t i, const std::vector<std::int64_t>& shape,
                                         std::span<const float> values) const {
    const auto& point = plan_.points[i];
    const auto channels = static_cast<std::int64_t>(ranges_[i].channels());
    const bool fits = point.planes ? shape.size() == 4 && shape[0] == 1 && shape[1] == channels
                                   : !shape.empty() && shape.back() == channels;
    if (!fits || values.empty()) {
      return Status(Code::kMismatch, "tensor '" + shown_name(point.name) + "' of a pass does not have the " +
                                         std::to_string(channels) + " channels of the layer that reads it");
    }
    if (std::ranges::all_of(values, [](float value) { return std::isfinite(value); })) return values;
    return Status(Code::kUnreadable,
                  "tensor '" + shown_name(point.name) + "' had a number that is not finite: the weights are damaged");
  }

  Status settle_channels(std::size_t i) {
    const auto& ranges = ranges_[i];
    auto& scales = scales_[i];
    for (const double sum : ranges.sum) {
      scales.mean.push_back(ranges.positions == 0 ? 0 : sum / static_cast<double>(ranges.positions));
    }
    if (plan_.points[i].norm) PICTOR_TRY(even_out(i));
    float low = 0;
    float high = 0;
    for (std::size_t c = 0; c < ranges.channels(); ++c) {
      const float factor = scales.smoothing.empty() ? 1 : scales.smoothing[c];
      low = std::min(low, ranges.low[c] / factor);
      high = std::max(high, ranges.high[c] / factor);
    }
    histograms_.emplace_back(low, high);
    return Status::ok();
  }

  Status even_out(std::size_t i) {
    const auto& ranges = ranges_[i];
    std::vector<float> weights(ranges.channels());
    for (const auto index : plan_.points[i].layers) {
      const auto& layer = plan_.layers[index];
      PICTOR_ASSIGN(const auto values, constants_->floats(*layer.weights));
      for (std::size_t o = 0; o < layer.layout.outputs; ++o) {
        for (std::size_t k = 0; k < layer.layout.inputs; ++k) {
          float& most = weights[layer.layout.channel(o, k)];
          most = std::max(most, std::abs(values[layer.layout.at(o, k)]));
        }
      }
    }
    auto& smoothing = scales_[i].smoothing;
    for (std::size_t c = 0; c < ranges.channels(); ++c) {
      const float most = std::max(-ranges.low[c], ranges.high[c]);
      const bool known = most > 0 && weights[c] > 0;
      const float factor = known ? std::pow(most, kSmoothing) / std::pow(weights[c], 1 - kSmoothing) : 1;
      smoothing.push_back(std::clamp(factor, 1 / kSmoothingMost, kSmoothingMost));
    }
    return Status::ok();
  }

  void count(std::size_t i, std::span<const float> values) {
    const auto& smoothing = scales_[i].smoothing;
    const std::size_t channels = ranges_[i].channels();
    auto& histogram = histograms_[i];
    if (smoothing.empty()) {
      for (const float value : values) histogram.add(value);
    } else {
      for (std::size_t k = 0; k < values.size(); ++k) histogram.add(values[k] / smoothing[k % channels]);
    }
  }

  void describe_groups() {
    for (std::size_t i = 0; i < plan_.points.size(); ++i) {
      QuantizedGroup group;
      group.single = positions_[i] == 1;
      const auto& layers = plan_.points[i].layers;
      group.name = layers.empty() ? plan_.points[i].name : plan_.layers[layers[0]].name;
      for (const auto index : layers) {
        const auto& layer = plan_.layers[index];
        group.multiplications +=
            positions_[i] / static_cast<std::uint64_t>(layer.steps) * layer.layout.outputs * layer.layout.inputs;
        ++group.layers;
      }
      groups_.push_back(std::move(group));
    }
  }

  Bytes bytes_;
  OnnxNetwork network_;
  std::unique_ptr<OnnxConstants> constants_;
  QuantizePlan plan_;
  std::vector<std::string> taps_;
  std::vector<ChannelRanges> ranges_;
  std::vector<std::uint64_t> positions_;  // of each point in one pass, the most seen
  std::vector<RangeHistogram> histograms_;
  std::vector<PointScales> scales_;
  std::vector<QuantizedGroup> groups_;
};

}  // namespace

Result<std::unique_ptr<NetworkQuantizer>> calibrate_network(const Runtime& runtime, const CalibrateRequest& request,
                                                            const CalibrationPasses& passes) {
  if (passes.count() == 0) return Status(Code::kInvalid, "calibration without a single pass");
  auto out = std::make_unique<Calibrated>();
  PICTOR_TRY(out->prepare(request));
  PICTOR_TRY(out->calibrate(runtime, request, passes));
  return std::unique_ptr<NetworkQuantizer>(std::move(out));
}

}  // namespace pictor
