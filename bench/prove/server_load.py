"""Claims about load and packages."""
from server_house import not_built

not_built("latency-text", "1 M items, recall@10 >= .98: text query p99 < 100 ms at 10 requests/s while 5 pictures/s are added", "bench/macro/serve")
not_built("latency-image", "the same: query by a JPEG of 640 px p99 < 150 ms", "bench/macro/serve")
not_built("latency-id", "the same: query by id p99 < 20 ms", "bench/macro/serve")
not_built("throughput-fp32", ">= 3 x a Python service (FastAPI, onnxruntime fp32, faiss, Pillow) at equal p99, answers compared", "bench/macro/serve")
not_built("throughput-int8", ">= 1.5 x the same with its static int8", "bench/macro/serve")
not_built("soak", "20 minutes at saturation: RSS grows <= 5 % from minute 5 to 20, no error but 429, nothing lost after kill -9", "the soak")
not_built("package", "the package starts in a bare debootstrap folder and answers its first search in < 3 s", "make package")
