"""Claims: where a vector came from can be proved; the second run time gives the same answers."""
import claims
import common
from gtests import gtest


@claims.claim("second-runtime", "the conformance suite of both run times passes; CUDA where a GPU is found, else its clear error",
              what="encoders")
def second_runtime(_):
    ran = gtest(common.BUILD / "src/infer/infer_test", "*Conformance.*:OnnxRuntime.*", {"CI": "1"})
    both = {"openvino", "onnxruntime_cpu"} <= {name.rpartition("/")[2] for name in ran}
    cuda = any(name.endswith("/onnxruntime_cuda") for name in ran)
    return claims.Finding(both, f"{len(ran)} tests of both run times passed, {'with' if cuda else 'without'} a GPU", {"tests": list(ran)})
