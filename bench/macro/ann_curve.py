"""What the benches of indexes compute from what they measured: recall against exact truth, curves, intervals, exponents.

Nobody's own distances are believed: a row that was answered counts when its distance, computed here in double, is no
larger than that of the k-th true neighbour. So a tie is no fault, and a row twice, or one that does not exist, is one.
"""
import math
import statistics

import numpy

CLIFF = 10  # points of two rates further apart than this are not joined
TIE = 1e-6  # relative: float32 sums of 1,000 products, which is what all sides compute, differ by less
# One-sided 95 % quantiles of Student's t: degrees of freedom, quantile.
STUDENT = ((1, 6.314), (2, 2.920), (3, 2.353), (4, 2.132), (5, 2.015), (7, 1.895), (9, 1.833), (14, 1.761), (19, 1.729),
           (29, 1.699), (39, 1.685), (59, 1.671), (119, 1.658), (math.inf, 1.645))


def distances(query, rows, metric):
    """Distances of one query to rows, in double: squared L2, or 1 - cosine."""
    query, rows = query.astype(numpy.float64), rows.astype(numpy.float64)
    if metric == "l2":
        return ((rows - query) ** 2).sum(axis=1)
    lengths = numpy.linalg.norm(rows, axis=1) * numpy.linalg.norm(query)
    return 1.0 - (rows @ query) / numpy.where(lengths > 0, lengths, 1.0)


class Truth:
    """The true neighbours of each query among the allowed rows, and what an answer is worth.

    `candidates` are, for each query, rows that surely hold the k nearest: what a float32 scan found, with some to spare."""

    def __init__(self, vectors, queries, metric, candidates, k):
        self.vectors, self.queries, self.metric, self.k = vectors, queries, metric, k
        self.edges, self.counts = [], []
        for query, rows in zip(queries, candidates):
            rows = numpy.unique(rows[rows >= 0])
            sorted_ = numpy.sort(distances(query, vectors[rows], metric))[:k]
            self.counts.append(len(sorted_))
            self.edges.append(sorted_[-1] if len(sorted_) else -1.0)

    def recall(self, number, answered, allowed=None):
        """The share of query `number`'s true neighbours that are among the first k rows answered; 1 when there are none."""
        if self.counts[number] == 0:
            return 1.0
        rows = numpy.unique(numpy.asarray(list(answered)[:self.k], dtype=numpy.int64))
        rows = rows[(rows >= 0) & (rows < len(self.vectors))]
        if allowed is not None:
            rows = rows[allowed[rows] != 0]
        if not len(rows):
            return 0.0
        edge = self.edges[number]
        good = distances(self.queries[number], self.vectors[rows], self.metric) <= edge + TIE * max(1.0, abs(edge))
        return min(1.0, int(good.sum()) / self.counts[number])

    def recalls(self, answers, first=0, allowed=None):
        return numpy.array([self.recall(first + n, answered, allowed) for n, answered in enumerate(answers)])


def frontier(points):
    """Of (recall, rate) points those that no other beats in both, by rising recall."""
    best, kept = -1.0, []
    for recall, rate in sorted(points, key=lambda point: (-point[0], -point[1])):
        if rate > best:
            best = rate
            kept.append((recall, rate))
    return kept[::-1]


def rate_at(points, recall):
    """The rate at a recall, between the two points around it: the logarithm of the rate is taken as linear in that of
    the share that is missed. None: no point reaches it. Where every point passes it, that of the nearest one."""
    kept = frontier(points)
    reached = [point for point in kept if point[0] >= recall]
    if not reached:
        return None
    above = reached[0]
    below = next((point for point in reversed(kept) if point[0] < recall), None)
    # Nothing is assumed across a cliff: where the next thorough thing is a scan, that is what the recall costs.
    if below is None or below[1] > CLIFF * above[1]:
        return above[1]
    # 1e-5: nothing missed among 10,000 neighbours says that less than about this share is missed.
    x0, x1, x = (math.log(max(1.0 - value, 1e-5)) for value in (below[0], above[0], recall))
    part = (x - x0) / (x1 - x0) if x1 != x0 else 1.0
    return math.exp(math.log(below[1]) + part * (math.log(above[1]) - math.log(below[1])))


def lower_bound(groups):
    """The lower 95 % bound (one-sided) of the mean over groups of values. Queries of a group share a filter, so that the
    group is what varies; a bound from single values is taken too, and the lower of the two."""
    def bound(values):
        mean = statistics.fmean(values)
        if len(values) < 2:
            return mean
        freedom = len(values) - 1
        quantile = next(value for below, value in reversed(STUDENT) if freedom >= below)
        return mean - quantile * statistics.stdev(values) / math.sqrt(len(values))
    groups = [list(map(float, group)) for group in groups if len(group)]
    return min(bound([statistics.fmean(group) for group in groups]), bound([value for group in groups for value in group]))


def exponent(counts, costs):
    """The slope of log cost against log count, by least squares."""
    x, y = numpy.log(numpy.asarray(counts, float)), numpy.log(numpy.asarray(costs, float))
    return float(numpy.polyfit(x, y, 1)[0])
