"""Results of int8 that differ from the reference because a value was rounded otherwise, told from results that are wrong.

Two correct programs round a value apart where their float errors lie on both sides of the middle of two integers. From
there on they compute with numbers that differ by a step, so a tolerance says nothing; but there is a result of the
reference itself, with one of its closest values or a few taken the other way, that agrees as closely as ever.
follow() looks for it. Where many values are close it may be too far to find, and then a bound has to do: behind a value
that is half a step off all is rounded anew, so that the two results are two draws of what quantising makes of one model,
and lie about as far from each other as each from the model without it. The bound is WIDE times the greatest such distance in
the records of a run, of numbers and of what decides texts and labels.
"""
import heapq
import math

import search
import task
from quantised import Rounding

ATTEMPTS = 40           # results tried for one that differs
WIDE = 4
ERROR = 127 * 2.0 ** -26    # in steps: half of float32's last place between 1/4 and 1/2; as likely is a value rounded otherwise


def process(net, record, options, other=frozenset()):
    """task.process, and `rounding` of the result says what was rounded."""
    net.rounding = Rounding(other)
    result = task.process(net, record, options)
    result.rounding = net.rounding
    return result


def expected(results):
    """How many of these results have a value that is rounded otherwise, by its likelihood."""
    return sum(1 - math.exp(-ERROR * result.rounding.count) for result in results)


def distance(differences):
    """Of results with these differences: 0 without any, and less where numbers are closer."""
    return sum(min(1, abs(a - b)) if isinstance(a, float) and isinstance(b, float) else 1 for _, a, b in differences)


def follow(net, record, options, result, differences):
    """A result without differences(result), for which some values close to the middle are rounded the other way, or None.
    What is nearest so far is changed by one more, closest values first."""
    tried, number = {frozenset()}, 0
    heap = [(distance(differences(result)), number, result)]
    while heap and number < ATTEMPTS:
        best = heapq.heappop(heap)[2]
        for _, key in sorted(best.rounding.near)[:8]:
            other = best.rounding.other ^ {key}
            if other in tried:
                continue
            tried.add(other)
            number += 1
            result = process(net, record, options, other)
            away = distance(differences(result))
            if away == 0:
                return result
            heapq.heappush(heap, (away, number, result))
    return None


class Bounds:
    """How far numbers of each kind may lie apart, made of `plain`, the model without quantising, when first asked."""

    def __init__(self, plain, records, options, results):
        self.plain, self.records, self.options, self.results = plain, records, options, results
        self.found = None

    def unquantised(self, record, result):
        """The fields and details of a result, of a search's by following its best output."""
        if self.plain.config["model_type"] == "encoder" or self.options.task == "score":
            other = task.process(self.plain, record, self.options)
            return {**other.detail, **other.fields}
        value = record["features"] if self.plain.features else self.plain.source_ids(record["text"])
        logps, rows = search.forced(self.plain, self.plain.encode([value]), result.detail["tokens"])
        steps = result.detail["steps"]
        total, gen = math.fsum(logps[:steps]), task.search_settings(self.plain, self.options)
        return {"logprob": total, "score": search.normalised(gen, total, steps), "attention": [task.floats(row) for row in rows[:steps]]}

    def of(self, field):
        if self.found is None:
            self.found = {}
            for record, result in zip(self.records, self.results):
                for name, away, _ in task.numbers({**result.detail, **result.fields}, self.unquantised(record, result)):
                    self.found[name] = max(self.found.get(name, 0), away)
        return WIDE * self.found.get(field, 0)

    def hold(self, result, got, differences, tolerance):
        """Whether a result is within them: numbers, and what decided what is none."""
        if not result.rounding.near:
            return False
        if result.closest("search")[0] < max(self.of("logprob"), self.of("score")) and task.texts(result.fields) != task.texts(got):
            return True
        for path, a, b in differences(result, lambda field, x: max(tolerance(field, x), self.of(field))):
            field = path.split(".")[1].split("[")[0]
            if not (isinstance(a, str) and isinstance(b, str)
                    and result.closest(field)[0] < self.of("attention" if field == "alignment" else field)):
                return False
        return True


def cosine_loss(a, b):
    """1 - cosine of two vectors; 0 of two that are zero, NaN where a number is none."""
    dot, na, nb = (math.fsum(x * y for x, y in zip(p, q)) for p, q in ((a, b), (a, a), (b, b)))
    return 0.0 if na == nb == 0 else 1 - dot / math.sqrt(na * nb) if na * nb > 0 else math.nan
