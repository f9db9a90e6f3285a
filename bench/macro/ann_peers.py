"""The libraries beside us in the benches of indexes: faiss and usearch, each built, asked and timed with one thread.

hnswlib is left out: it comes as a source package that pip would have to compile. What a peer is asked with is a list of
settings, from quick to thorough; a peer that this machine's wheel has not is left out with the reason.

faiss's HNSW and usearch get all queries in one call, which spares them Python's cost of a call and their own of setting up
a search; they still go through them one after the other, on one thread. faiss's lists would share work among the queries
of a call, so they are asked one by one, through a call with ready pointers that costs about a microsecond.
"""
import time

import common

common.enter_venv("numpy", "faiss", "usearch")
import faiss  # noqa: E402
import numpy  # noqa: E402
import usearch.index  # noqa: E402

EFS = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096)
PROBES = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512)
REFINE = (4, 16, 48)  # of a coded list: how many times k are scored again by their vectors


def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon:"))


def unit(vectors):
    lengths = numpy.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / numpy.where(lengths > 0, lengths, 1)).astype(numpy.float32)


def prepared(vectors, metric):
    """Peers have no cosine of their own: inner products of unit vectors order the same."""
    vectors = numpy.ascontiguousarray(vectors)
    return unit(vectors) if metric == "cosine" else vectors


def candidates(vectors, queries, metric, k):
    """The nearest rows of a float32 scan, k and some to spare for its rounding."""
    faiss.omp_set_num_threads(2)
    spare = min(len(vectors), k + 20)
    measure = faiss.METRIC_L2 if metric == "l2" else faiss.METRIC_INNER_PRODUCT
    return faiss.knn(prepared(queries, metric), prepared(vectors, metric), spare, metric=measure)[1]


class Peer:
    """`vectors` and `queries` as prepared() makes them."""
    name = "peer"
    settings = EFS
    one_knob = True  # each setting is at least as thorough as the one before

    def __init__(self, vectors, queries, metric, k):
        self.vectors, self.queries, self.metric, self.k = vectors, queries, metric, k
        self.index, self.build_bytes = None, 0

    def build(self, threads):
        """Makes the index afresh; returns wall and CPU seconds. The former one is gone first, and its memory with it."""
        self.index = None
        before = resident()
        wall, cpu = time.perf_counter(), time.process_time()
        self.make(threads)
        took = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
        self.build_bytes = max(0, resident() - before)
        return took

    def make(self, threads):
        raise NotImplementedError

    def use(self, setting):
        raise NotImplementedError

    def ask(self, first, count):
        raise NotImplementedError

    def answer(self, setting):
        self.use(setting)
        return self.ask(0, len(self.queries))

    def time(self, setting):
        """Wall and CPU seconds of all queries, one after the other."""
        self.use(setting)
        wall, cpu = time.perf_counter(), time.thread_time()
        self.ask(0, len(self.queries))
        return {"seconds": time.perf_counter() - wall, "cpu_seconds": time.thread_time() - cpu}


class Faiss(Peer):
    def measure(self):
        return faiss.METRIC_L2 if self.metric == "l2" else faiss.METRIC_INNER_PRODUCT

    def index_bytes(self):
        return int(faiss.serialize_index(self.index).nbytes)


class FaissHnsw(Faiss):
    """M = 16, links and f32 vectors in one index."""

    def __init__(self, *arguments, construction=40):
        super().__init__(*arguments)
        self.construction, self.name = construction, f"faiss HNSW efC={construction}"

    def make(self, threads):
        faiss.omp_set_num_threads(threads)
        self.index = faiss.IndexHNSWFlat(self.vectors.shape[1], 16, self.measure())
        self.index.hnsw.efConstruction = self.construction
        self.index.add(self.vectors)

    def use(self, setting):
        faiss.omp_set_num_threads(1)
        self.index.hnsw.efSearch = setting

    def ask(self, first, count):
        return self.index.search(self.queries[first:first + count], self.k)[1]


class FaissLists(Faiss):
    """IVF, by the description that faiss's factory takes; NLIST is filled in. A setting is (nprobe, refine)."""
    one_knob = False

    def __init__(self, name, description, *arguments):
        super().__init__(*arguments)
        self.name = name
        self.lists = max(1, min(int(4 * len(self.vectors) ** 0.5), len(self.vectors) // 39))
        self.description = description.replace("NLIST", str(self.lists))
        probes = sorted({one for one in PROBES if one < self.lists} | {self.lists})
        self.refined = "Refine" in description or "RFlat" in description
        self.settings = [(probe, refine) for probe in probes for refine in (REFINE if self.refined else (1,))]

    def make(self, threads):
        faiss.omp_set_num_threads(threads)
        self.index = faiss.index_factory(self.vectors.shape[1], self.description, self.measure())
        step = max(1, len(self.vectors) // (64 * self.lists))
        self.index.train(self.vectors[::step])
        self.index.add(self.vectors)
        # Ready pointers, so that a call costs next to nothing beside the search.
        self.found = numpy.empty((len(self.queries), self.k), numpy.int64)
        self.scores = numpy.empty((len(self.queries), self.k), numpy.float32)
        self.pointers = [tuple(faiss.swig_ptr(part[n:n + 1]) for part in (self.queries, self.scores, self.found))
                         for n in range(len(self.queries))]

    def use(self, setting):
        faiss.omp_set_num_threads(1)
        probes, refine = setting
        lists = faiss.extract_index_ivf(self.index)
        lists.nprobe = probes
        if self.refined:
            faiss.downcast_index(self.index).k_factor = refine

    def ask(self, first, count):
        search = faiss.downcast_index(self.index).search_c
        for query, scores, found in self.pointers[first:first + count]:
            search(1, query, self.k, scores, found)
        return self.found[first:first + count]


class Usearch(Peer):
    """M = 16, f32, its own default of what it looks at while it builds."""
    name = "usearch"

    def make(self, threads):
        self.index = usearch.index.Index(ndim=self.vectors.shape[1], metric="l2sq" if self.metric == "l2" else "ip",
                                         dtype="f32", connectivity=16)
        self.index.add(numpy.arange(len(self.vectors)), self.vectors, threads=threads)

    def use(self, setting):
        self.index.expansion_search = setting

    def ask(self, first, count):
        return numpy.asarray(self.index.search(self.queries[first:first + count], self.k, threads=1).keys).astype(numpy.int64)

    def index_bytes(self):
        return int(self.index.serialized_length)


def every(vectors, queries, metric, k, only=()):
    """All peers over the same vectors; `only` takes those whose name holds one of these words."""
    common_arguments = (prepared(vectors, metric), prepared(queries, metric), metric, k)
    dim = vectors.shape[1]
    # Two numbers a code, as faiss's own advice for fast-scan has it.
    parts = dim // 2 if dim % 2 == 0 else dim
    found = [FaissHnsw(*common_arguments, construction=40), FaissHnsw(*common_arguments, construction=100),
             FaissLists("faiss IVF-flat", "IVFNLIST,Flat", *common_arguments),
             FaissLists("faiss IVF-PQ fast-scan", f"IVFNLIST,PQ{parts}x4fs,RFlat", *common_arguments),
             FaissLists("faiss IVF-RaBitQ", "IVFNLIST,RaBitQ,RFlat", *common_arguments), Usearch(*common_arguments)]
    return [peer for peer in found if not only or any(word in peer.name for word in only)]
