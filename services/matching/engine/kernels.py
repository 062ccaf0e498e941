"""The loops of the engine, compiled by numba. Each lets go of the interpreter lock, allocates little, touches less.

Notation. A segment holds `n` documents in ranges of `RANGE`; a document's place is its row. `forward` is
the document-major side: `start` (n + 1,), `term` and `code` (postings,), where a code packs the occurrences
of a term by field and `tf[code]` is its sublinear term frequency; code `ESCAPE` points into the `rare`
table (counts too large to pack). `inverse` is 1 / length of each document's tf x idf vector, (n,).

The term-major side is quantised. For each (term, range) pair, one list in `words`: the documents' places in
their range, two bytes each, then their weights, one byte each, that times `step[term]` are never below
tf x inverse. One list is one stream: what a cold list costs is the wait for its first cache line, so the
next one is asked for while this one is walked.

A score is sum over query terms of `a[term] x tf / length`, added up in the order in which the document
stores its terms (that of their spelling), so that it is the same to the last bit wherever it is computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

RANGE_BITS = 14
RANGE = 1 << RANGE_BITS
BLOCK = 512
ESCAPE = 0xFFFF
SLACK = 1e-5  # float32 sums of up to 5,000 addends stay within this share of the true bound


Array = npt.NDArray[Any]
_compiled = njit(cache=True, nogil=True, boundscheck=False)


class Forward(NamedTuple):
    """What a segment knows of its documents, document by document."""

    start: Array  # int64 (n + 1,)
    term: Array  # int32 (postings,), by spelling within a document
    code: Array  # uint16 (postings,)
    rare_at: Array  # int64, rising: postings whose code is ESCAPE
    rare_tf: Array  # float64, their term frequencies


class Postings(NamedTuple):
    """The same, term by term, quantised; rebuilt for each idf epoch."""

    step: Array  # float64 (terms,): what one unit of weight is worth
    tf_most: Array  # float64 (terms,): the greatest term frequency
    pair_start: Array  # int64 (terms + 1,) into pair_*
    pairs: Array  # int64 (pairs + 1,): where the list starts in `words`, 40 bits; its range, 16; its greatest weight, 8
    words: Array  # uint16: the lists


def _prefetch_hint(_: Any, array: Any, index: Any) -> Any:
    """Ask for the cache line of array[index], not into the first cache, which the sums fill; a hint, whatever the index."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        byte = ir.IntType(8).as_pointer()
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        hint = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")  # type: ignore[no-untyped-call]
        address = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        builder.call(hint, [address, number(0), number(2), number(1)])
        return context.get_dummy_value()

    return types.void(array, index), generate


_prefetch: Any = intrinsic(_prefetch_hint)


@_compiled
def _tf(code: int, at: int, tf: Array, forward: Forward) -> Any:
    if code != ESCAPE:
        return tf[code]
    return forward.rare_tf[np.searchsorted(forward.rare_at, at)]


# What is held of a term while postings are laid: one cache line each, because its terms come in no order.
_MEASURED = np.dtype([("range", "i4"), ("count", "i4"), ("pair", "i8"), ("tf", "f8"), ("weight", "f8")])
_LAID = np.dtype(
    [("range", "i4"), ("pair", "i4"), ("size", "i4"), ("count", "u2"), ("most", "u2"), ("start", "i8"), ("unit", "f8")]
)


@_compiled
def _frequencies(forward: Forward, n_terms: int, first: int, past: int) -> tuple[Array, Array]:
    """In how many documents of some ranges, and in how many of those ranges, each term occurs. O(postings)."""
    documents = np.zeros(n_terms, np.int64)
    ranges = np.zeros(n_terms, np.int64)
    seen = np.full(n_terms, -1, np.int32)
    n = forward.start.size - 1
    for r in range(first, past):
        for at in range(forward.start[r << RANGE_BITS], forward.start[min((r + 1) << RANGE_BITS, n)]):
            t = forward.term[at]
            documents[t] += 1
            if seen[t] != r:
                seen[t] = r
                ranges[t] += 1
    return documents, ranges


@_compiled
def inverses(forward: Forward, tf: Array, idf: Array) -> Array:
    """1 / length of each document's tf x idf vector; 0 for a document without terms. O(postings)."""
    n = forward.start.size - 1
    out = np.zeros(n, np.float64)
    for d in range(n):
        square = 0.0
        for at in range(forward.start[d], forward.start[d + 1]):
            w = _tf(forward.code[at], at, tf, forward) * idf[forward.term[at]]
            square += w * w
        if square > 0.0:
            out[d] = 1.0 / math.sqrt(square)
    return out


@_compiled
def _measure(forward: Forward, tf: Array, inverse: Array, first: int, past: int, held: Array, size: Array) -> None:
    """Of some ranges: how long each list becomes, and for each term the greatest frequency and weight. O(postings)."""
    last = forward.term.size - 1
    for d in range(first << RANGE_BITS, min(past << RANGE_BITS, inverse.size)):
        r = d >> RANGE_BITS
        for at in range(forward.start[d], forward.start[d + 1]):
            _prefetch(held, forward.term[min(at + AHEAD_LAID, last)])
            term = held[forward.term[at]]
            if term.range != r:
                if term.count > 0:
                    size[term.pair] = term.count
                term.range, term.count = r, 0
                term.pair += 1
            term.count += 1
            frequency = _tf(forward.code[at], at, tf, forward)
            term.tf = max(term.tf, frequency)
            term.weight = max(term.weight, frequency * inverse[d])
    for t in range(held.size):
        if held[t].count > 0:
            size[held[t].pair] = held[t].count


@_compiled
def _lay(
    forward: Forward,
    tf: Array,
    inverse: Array,
    first: int,
    past: int,
    held: Array,
    size: Array,
    pairs: Array,
    words: Array,
) -> None:
    """The lists of some ranges, each to where it starts. O(postings)."""
    last = forward.term.size - 1
    for d in range(first << RANGE_BITS, min(past << RANGE_BITS, inverse.size)):
        r = d >> RANGE_BITS
        for at in range(forward.start[d], forward.start[d + 1]):
            _prefetch(held, forward.term[min(at + AHEAD_LAID, last)])
            term = held[forward.term[at]]
            if term.range != r:
                if term.size > 0:
                    pairs[term.pair] |= term.range << 8 | term.most
                term.range, term.count, term.most = r, 0, 0
                term.pair += 1
                term.size, term.start = size[term.pair], pairs[term.pair] >> 24
            i = np.int64(term.count)
            term.count = i + 1
            weight = min(255, math.ceil(_tf(forward.code[at], at, tf, forward) * inverse[d] * term.unit))
            words[term.start + i] = d & (RANGE - 1)
            words[term.start + term.size + (i >> 1)] |= weight << (8 * (i & 1))
            term.most = max(term.most, weight)
    for t in range(held.size):
        if held[t].size > 0:
            pairs[held[t].pair] |= held[t].range << 8 | held[t].most


@_compiled
def _starts(size: Array) -> Array:
    pairs = np.zeros(size.size + 1, np.int64)
    start = 0
    for p in range(size.size):
        pairs[p] = start << 24
        start += size[p] + (size[p] + 1) // 2
    pairs[size.size] = start << 24
    return pairs


def invert(forward: Forward, tf: Array, inverse: Array, n_terms: int) -> Postings:
    """The term-major side. Three passes over the postings, each by two threads: one takes the first ranges, one the last."""
    n_ranges = (inverse.size + RANGE - 1) >> RANGE_BITS
    middle = int(np.searchsorted(forward.start[::RANGE], forward.term.size / 2))
    parts = [(0, middle), (middle, n_ranges)] if n_ranges > 1 else [(0, n_ranges)]
    with ThreadPoolExecutor(len(parts)) as pool:

        def each(act: Callable[..., Any], *columns: Sequence[Any]) -> list[Any]:
            return list(pool.map(act, *columns))

        counted_ = each(lambda part: _frequencies(forward, n_terms, part[0], part[1]), parts)
        assert sum(int(documents.sum()) for documents, _ in counted_) == forward.term.size
        ranges = np.array([ranges for _, ranges in counted_])
        pair_start = np.concatenate(([0], np.cumsum(ranges.sum(axis=0))))
        before = [pair_start[:-1] - 1 + ranges[:number].sum(axis=0) for number in range(len(parts))]
        size = np.zeros(int(pair_start[-1]), np.int32)
        measured = [np.zeros(n_terms, _MEASURED) for _ in parts]
        for held, pair in zip(measured, before, strict=True):
            held["range"], held["pair"] = -1, pair
        each(lambda part, held: _measure(forward, tf, inverse, part[0], part[1], held, size), parts, measured)
        tf_most = np.max([held["tf"] for held in measured], axis=0)
        step = np.max([held["weight"] for held in measured], axis=0) / 255.0 * (1.0 + 1e-9)
        pairs = _starts(size)
        words = np.zeros(int(pairs[-1] >> 24), np.uint16)
        laid = [np.zeros(n_terms, _LAID) for _ in parts]
        for held, pair in zip(laid, before, strict=True):
            held["range"], held["pair"] = -1, pair
            np.divide(1.0, step, out=held["unit"], where=step > 0.0)
        each(lambda part, held: _lay(forward, tf, inverse, part[0], part[1], held, size, pairs, words), parts, laid)
    return Postings(step, tf_most, pair_start, pairs, words)


FILTER = 8192
AHEAD = 4
AHEAD_LAID = 12  # postings
LINES = 96  # of a list that are asked for before it is walked: what reads ahead by itself begins anew with each list
PAUSE = 1024  # postings walked between two looks at whether the range can still matter


@_compiled
def _table(terms: Array, a: Array) -> tuple[Array, Array, Array]:
    """A query's weights by term: a filter of bytes that most other terms fail, then a hash table (keys, -1 where empty)."""
    size = 16
    while size < 4 * terms.size:
        size *= 2
    keys = np.full(size, -1, np.int32)
    values = np.zeros(size, np.float64)
    maybe = np.zeros(FILTER, np.uint8)
    for i in range(terms.size):
        maybe[terms[i] & (FILTER - 1)] = 1
        slot = terms[i] & (size - 1)
        while keys[slot] >= 0:
            slot = (slot + 1) & (size - 1)
        keys[slot] = terms[i]
        values[slot] = a[i]
    return maybe, keys, values


@_compiled
def _score(d: int, forward: Forward, tf: Array, inverse: Array, maybe: Array, keys: Array, values: Array) -> float:
    """One document, exactly."""
    total = 0.0
    mask = keys.size - 1
    lo, hi = forward.start[d], forward.start[d + 1]
    terms, codes, length = forward.term[lo:hi], forward.code[lo:hi], inverse[d]
    for i in range(terms.size):
        t = terms[i]
        if maybe[t & (FILTER - 1)]:
            slot = t & mask
            while keys[slot] >= 0:
                if keys[slot] == t:
                    total += values[slot] * _tf(codes[i], lo + i, tf, forward) * length
                    break
                slot = (slot + 1) & mask
    return total


@_compiled
def _ask(d: int, forward: Forward) -> None:
    """Have a document's terms brought near before they are needed."""
    lo, hi = forward.start[d], forward.start[d + 1]
    for at in range(lo, hi, 16):
        _prefetch(forward.term, at)
    for at in range(lo, hi, 32):
        _prefetch(forward.code, at)


@_compiled
def score_many(documents: Array, terms: Array, a: Array, forward: Forward, tf: Array, inverse: Array) -> Array:
    """Exact scores of the documents named, float64 of the same shape. O(their postings)."""
    maybe, keys, values = _table(terms, a)
    out = np.empty(documents.size, np.float64)
    for i in range(documents.size):
        out[i] = _score(documents[i], forward, tf, inverse, maybe, keys, values)
    return out


@_compiled
def _offer(score: float, d: int, order: Array, best: Array, best_score: Array, filled: int) -> int:
    """Put a document into the sorted list of the best: score down, then tie order up. Answers how many it holds."""
    k = best.size
    if filled == k:
        last = best_score[k - 1]
        if score < last or (score == last and order[d] > order[best[k - 1]]):
            return filled
        i = k - 1
    else:
        i = filled
        filled += 1
    while i > 0 and (best_score[i - 1] < score or (best_score[i - 1] == score and order[best[i - 1]] > order[d])):
        best[i] = best[i - 1]
        best_score[i] = best_score[i - 1]
        i -= 1
    best[i] = d
    best_score[i] = score
    return filled


@_compiled
def _greatest(acc: Array, lo: int, hi: int) -> Any:
    part = acc[lo:hi]
    most = part[0]
    for j in range(part.size):  # written so that it becomes vector instructions: 1 µs for a range
        value = part[j]
        most = max(most, value)
    return most


@_compiled
def _rising(values: Array) -> Array:
    """The order of float64 values, least first. Shell's sort: a tenth of a second to compile, where argsort takes two."""
    n = values.size
    order = np.empty(n, np.int64)
    for i in range(n):
        order[i] = i
    gap = 1
    while gap < n // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, n):
            moved = order[i]
            j = i
            while j >= gap and values[order[j - gap]] > values[moved]:
                order[j] = order[j - gap]
                j -= gap
            order[j] = moved
        gap //= 3
    return order


@_compiled
def _walk(acc: Array, words: Array, bytes_: Array, at: int, size: int, worth: int) -> None:
    f = np.int32(worth)
    places = words[at : at + size]  # sliced once: numba then knows that no index is negative, which halves the time
    weights = bytes_[2 * (at + size) : 2 * (at + size) + size]
    for i in range(size):
        acc[places[i]] += np.uint16((f * np.int32(weights[i]) + 255) >> 8)


@_compiled
def _any(allowed: Array, lo: int, hi: int) -> bool:
    for d in range(lo, hi):  # noqa: SIM110 - compiled
        if allowed[d]:
            return True
    return False


@_compiled
def _cut_for(acc: Array, allowed: Array, base: int, size: int, wanted: int) -> int:
    """An accumulated value that at least `wanted` allowed documents of the range reach, else 1."""
    bins = np.zeros(1 << 12, np.int32)
    for j in range(size):
        if acc[j] > 0 and allowed[base + j]:
            bins[acc[j] >> 4] += 1
    held = 0
    for b in range(bins.size - 1, 0, -1):
        held += bins[b]
        if held >= wanted:
            return b << 4
    return 1


@_compiled
def search(
    terms: Array,
    a: Array,
    forward: Forward,
    postings: Postings,
    tf: Array,
    inverse: Array,
    near: Array,
    allowed: Array,
    order: Array,
    k: int,
    floor: float,
    left_share: float,
) -> tuple[Array, Array, Array]:
    """The k best allowed documents of a segment with a score above `floor`: places, scores, and three counts.

    terms int32 (m,), a float64 (m,), allowed uint8 (n,), order int32 (n,): the tie order. Exact: a document is
    passed over only when an upper bound of its score is below the k-th best found. The counts are
    ranges visited, postings walked, and documents scored from the forward side.
    """
    n = inverse.size
    n_ranges = (n + RANGE - 1) >> RANGE_BITS
    m = terms.size
    best = np.zeros(k, np.int64)
    best_score = np.zeros(k, np.float64)
    filled = 0
    told = np.zeros(4, np.int64)
    bytes_ = postings.words.view(np.uint8)
    # Integers, rounded up: sums are exact whatever their order, and never below the score.
    most = 0.0
    merit = np.empty(m, np.float64)
    for i in range(m):
        t = terms[i]
        worth = a[i] * postings.step[t]
        most += worth * 255.0
        first, last = postings.pair_start[t], postings.pair_start[t + 1]
        merit[i] = worth / ((postings.pairs[last] >> 24) - (postings.pairs[first] >> 24) + 1.0)
    scale = (65535.0 - 2.0 * m) / max(most, 1e-300)
    # Long lists that add little come first: the first ones are those that are left out.
    by_merit = _rising(merit)
    worth_of = np.empty(m, np.int64)
    reach = np.empty(m, np.float64)
    lists = np.zeros((n_ranges, m, 2), np.int64)  # start << 24 | size, and the bound
    total = np.zeros(n_ranges, np.float64)  # whole numbers
    for i in range(m):
        t = terms[by_merit[i]]
        worth_of[i] = math.ceil(a[by_merit[i]] * postings.step[t] * scale * 256.0)
        reach[i] = a[by_merit[i]] * postings.tf_most[t] * scale * (1.0 + 1e-6)
        run = postings.pairs[postings.pair_start[t] : postings.pair_start[t + 1] + 1]
        for p in range(run.size - 1):
            r = (run[p] >> 8) & 0xFFFF
            start = run[p] >> 24
            bound = (worth_of[i] * (run[p] & 255) + 255) >> 8
            lists[r, i, 0] = (start << 24) | (2 * ((run[p + 1] >> 24) - start) // 3)
            lists[r, i, 1] = bound
            total[r] += bound
    for r in range(n_ranges):  # documents of a class lie together: a filter by class leaves out whole ranges
        if total[r] > 0 and not _any(allowed, r << RANGE_BITS, min((r + 1) << RANGE_BITS, n)):
            total[r] = 0.0
    by_bound = _rising(total)
    maybe, keys, values = _table(terms, a)
    acc = np.zeros(RANGE, np.uint16)
    candidates = np.empty(RANGE, np.int32)
    found = 0
    threshold = floor
    limit = math.floor(threshold * scale)  # in units of the accumulators
    for at in range(n_ranges):
        r = by_bound[n_ranges - 1 - at]
        if total[r] < limit or total[r] == 0:
            break
        told[0] += 1
        base = r << RANGE_BITS
        size = min(RANGE, n - base)
        budget = limit * left_share if filled == k else 0.0
        left = int(total[r])
        i = m
        walked = greatest = 0
        while i > 0 and left > budget:
            i -= 1
            held = lists[r, i, 0] & 0xFFFFFF
            if held > 0:
                if i > 2:
                    ahead = lists[r, i - 3, 0]
                    for line in range(min(LINES, (3 * (ahead & 0xFFFFFF) + 63) // 64)):
                        _prefetch(postings.words, (ahead >> 24) + 32 * line)
                _walk(acc, postings.words, bytes_, lists[r, i, 0] >> 24, held, worth_of[i])
                left -= lists[r, i, 1]
                told[1] += held
                walked += held
                if (
                    walked > PAUSE and filled == k and left + greatest < limit
                ):  # sums grow: else not yet, without a look
                    walked = 0
                    greatest = _greatest(acc, 0, RANGE)
                    if left + greatest < limit:
                        break
        if walked:
            greatest = _greatest(acc, 0, RANGE)
        if filled == k and left + greatest < limit:
            acc[:] = 0
            continue
        left_reach = 0.0
        while i > 0:
            i -= 1
            if lists[r, i, 0] > 0:
                left_reach += reach[i]
        first = np.int64(1) << 31
        if filled < k:  # no threshold yet: look at the most promising first
            first = _cut_for(acc, allowed, base, size, 2 * k)
            found = 0
            for j in range(size):
                if acc[j] >= first and allowed[base + j]:
                    candidates[found] = j
                    found += 1
        for turn in range(2):
            if turn == 1:
                found = 0
                cut = max(limit - left, 1)
                for b in range(0, size, BLOCK):
                    if _greatest(acc, b, min(b + BLOCK, size)) >= cut:
                        for j in range(b, min(b + BLOCK, size)):
                            if acc[j] >= cut and acc[j] < first and allowed[base + j]:
                                candidates[found] = j
                                found += 1
                told[3] += found
                kept = 0
                for i in range(found):
                    j = candidates[i]
                    if acc[j] + left_reach * near[base + j] >= limit:
                        candidates[kept] = j
                        kept += 1
                found = kept
            elif filled == k:
                continue
            for i in range(min(AHEAD, found)):
                _ask(base + candidates[i], forward)
            for i in range(found):
                if i + AHEAD < found:
                    _ask(base + candidates[i + AHEAD], forward)
                j = candidates[i]
                if turn == 1 and acc[j] + left_reach * near[base + j] < limit:
                    continue
                told[2] += 1
                score = _score(base + j, forward, tf, inverse, maybe, keys, values)
                if score > floor:
                    filled = _offer(score, base + j, order, best, best_score, filled)
                    if filled == k and best_score[k - 1] > threshold:
                        threshold = best_score[k - 1]
                        limit = math.floor(threshold * scale)
        acc[:] = 0
    return best[:filled], best_score[:filled], told


@_compiled
def common(terms: Array, numbers: Array) -> Array:
    """Where a document's terms are among some numbers: int64. A document has some dozens of terms, a need too."""
    at = np.empty(terms.size, np.int64)
    found = 0
    for i in range(terms.size):
        for j in range(numbers.size):
            if terms[i] == numbers[j]:
                at[found] = i
                found += 1
                break
    return at[:found]


@_compiled
def copy_rows(values: Array, start: Array, width: int, rows: Array, to: Array, out: Array) -> None:
    """Rows of a ragged column, each to where it begins in another. Columns as bytes, `width` of them a value."""
    for number in range(rows.size):
        begin, end = start[rows[number]] * width, start[rows[number] + 1] * width
        at = to[number] * width
        for place in range(end - begin):
            out[at + place] = values[begin + place]


UNKNOWN = -3


@_compiled
def recalled(codes: Array, lengths: Array, known: Array, values: Array) -> tuple[Array, Array, Array]:
    """What a memory holds of some words: known int64 and values int32 (m,), m a power of two; a new key drives out an old one.

    The words stand one after the other, code points uint32, with their lengths int32. Answers for each its key (three signs
    at most make one; `UNKNOWN` for more), its place in the memory, int64, and its value, int32, or `UNKNOWN`.
    """
    n = lengths.size
    keys, places, found = np.full(n, UNKNOWN, np.int64), np.zeros(n, np.int64), np.full(n, UNKNOWN, np.int32)
    at = 0
    for i in range(n):
        if lengths[i] <= 3:
            key = np.int64(0)
            for j in range(at, at + lengths[i]):
                key = (key << 21) | np.int64(codes[j])
            mixed = key * np.int64(-7046029254386353131)  # 2^64 by the golden ratio
            keys[i], places[i] = key, (mixed ^ (mixed >> 29)) & (known.size - 1)
            if known[places[i]] == key:
                found[i] = values[places[i]]
        at += lengths[i]
    return keys, places, found


@_compiled
def counted(rows: int, cells: Array, numbers: Array, fields: int) -> tuple[Array, Array, Array]:
    """How often each number stands in each field of each row.

    int32 (occurrences,), in any order: the cell of each, row x fields + field, and its number; below 0 it is left out.
    Answers int64: where each row begins (rows + 1,) and, rising within a row, number x fields + field, with their counts.
    O(occurrences).
    """
    ends = np.zeros(rows + 1, np.int64)
    for i in range(cells.size):
        if numbers[i] >= 0:
            ends[cells[i] // fields + 1] += 1
    for row in range(rows):
        ends[row + 1] += ends[row]
    keys = np.empty(ends[rows], np.int64)
    to = ends.copy()
    for i in range(cells.size):
        if numbers[i] >= 0:
            row = cells[i] // fields
            keys[to[row]] = np.int64(numbers[i]) * fields + cells[i] - row * fields
            to[row] += 1
    start = np.zeros(rows + 1, np.int64)
    counts = np.zeros(keys.size, np.int64)
    found = 0
    for row in range(rows):
        _sort(keys[ends[row] : ends[row + 1]])
        for i in range(ends[row], ends[row + 1]):
            key = keys[i]
            if found == start[row] or keys[found - 1] != key:
                keys[found] = key
                found += 1
            counts[found - 1] += 1
        start[row + 1] = found
    return start, keys[:found], counts[:found]


@_compiled
def _sort(values: Array) -> None:
    """Least first, in place. Shell's sort, as in `_rising`."""
    n = values.size
    gap = 1
    while gap < n // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, n):
            moved = values[i]
            j = i
            while j >= gap and values[j - gap] > moved:
                values[j] = values[j - gap]
                j -= gap
            values[j] = moved
        gap //= 3


def warm() -> None:
    """Compile the kernels, or read them from where they were kept, before the first query needs them."""
    forward = Forward(
        np.array([0, 1], np.int64), np.zeros(1, np.int32), np.ones(1, np.uint16), np.zeros(0, np.int64), np.zeros(0)
    )
    tf, one, terms = np.ones(1 << 16), np.ones(1), np.zeros(1, np.int32)
    inverse = inverses(forward, tf, one)
    postings = invert(forward, tf, inverse, 1)
    near, allowed = inverse.astype(np.float32), np.ones(1, np.uint8)
    search(terms, one, forward, postings, tf, inverse, near, allowed, np.zeros(1, np.int32), 1, 0.0, 0.5)
    score_many(np.zeros(1, np.int64), terms, one, forward, tf, inverse)
    common(terms, terms)
    counted(1, terms, terms, 1)
    recalled(terms.view(np.uint32), terms, forward.start[:1], terms.copy())
    copy_rows(near.view(np.uint8), forward.start, 4, np.zeros(1, np.int64), forward.start[:1], near.view(np.uint8))
