"""model.run against `grus run`: every golden case, records in error, threads, streams."""

import itertools
import json
import pathlib
import shutil
import tempfile
import time
import unittest
import unittest.mock

import grus
import numpy as np
from support import GOLDEN, MODELS, command, difference, keywords, lines


class GoldenCases(unittest.TestCase):
    @unittest.mock.patch("warnings.warn", lambda *_, **__: None)
    def test_every_case_is_what_the_command_gives(self):
        cases = sorted(path.parent for path in GOLDEN.glob("*/options"))
        self.assertGreater(len(cases), 50)
        for i, case in enumerate(cases):
            with self.subTest(case.name):
                self.look_at(case, {"threads": 2, "batch_tokens": 1} if i % 2 else {"threads": 1})

    def look_at(self, case, given):
        options, records = (case / "options").read_text().split(), lines(case / "input.jsonl")
        try:
            model = grus.Model(case / "model")
        except grus.Error as error:
            if "sentencepiece" not in error.cause:
                raise
            return  # a build without
        expected = command(case / "model", records, *options)
        told = list(model.run(records, **keywords(options), **given))
        self.assertEqual(len(told), len(expected))
        for i, pair in enumerate(zip(told, expected)):
            self.assertIsNone(difference(*pair), f"record {i}")


class Records(unittest.TestCase):
    def same(self, name, records, *options, kind="jsonl"):
        model = grus.Model(GOLDEN / name / "model")
        told = list(model.run(records, **keywords(options)))
        expected = command(GOLDEN / name / "model", records, *options, kind=kind)
        self.assertIsNone(difference(told, expected))
        return told

    def test_lines_of_text(self):
        told = self.same("bahdanau", ["og", "", "yö", "og"], kind="txt")
        self.assertEqual([record["id"] for record in told], [1, 2, 3, 4])
        model = grus.Model(GOLDEN / "bahdanau" / "model")
        self.assertIsNone(difference(list(model.run(["og\n", "\n", "yö\n", "og"])), told))

    def test_records_in_error(self):
        records = [
            {"text": "og"},
            {"text": 1},
            {"id": 2},
            {"text": "og", "output": 1},
            {"text": "og", "error": "mine", "x": None},
            {"text": None, "error": "mine"},
            {"text": "a" * 20000},
            {"text": "yö", "more": [1.5, {"a": "ü"}]},
        ]
        told = self.same("bahdanau", records)
        self.assertEqual(["error" in record for record in told], [False, True, True, True, True, True, True, False])
        self.assertIn("grus_error", told[5])

    def test_half_a_surrogate(self):
        records = [{"text": "\ud800", "id": 3}, {"text": "og"}]
        told = list(grus.Model(GOLDEN / "last" / "model").run(records))
        expected = command(GOLDEN / "last" / "model", records)
        self.assertEqual(told[0], {"text": "\ud800", "id": 3, "error": expected[0]["error"]})
        self.assertIsNone(difference(told[1], expected[1]))

    def test_features_in_error(self):
        rows = [[0.5, 1, -2], [1e-3, 0, 3]]
        bad = [None, 5, [1, 2, 3], [[1, 2]], [[1, 2, 3], [1, 2]], [[1, 2, "x"]], [[1, 2, 1e300]], [[1, 2, None]], {}]
        records = [{"features": rows}, {"features": []}] + [{"features": value} for value in bad] + [{}]
        told = self.same("features", records)
        self.assertEqual(sum("error" in record for record in told), len(records) - 2)
        model = grus.Model(GOLDEN / "features" / "model")
        again = list(model.run([{"features": np.array(rows)}, {"features": np.zeros((0, 3), np.float32)}]))
        for record in again:
            record["features"] = record["features"].tolist()
        self.assertIsNone(difference(again, told[:2]))

    def test_ids_in_error(self):
        records = [{"text": [1, 2]}, {"text": []}, {"text": "1"}, {"text": [1, -1]}, {"text": [10**30]}, {"text": [999999]}, {}]
        self.same("cosine-state", records)
        self.same("cosine-state", ["1 2", "", "4 999999"], kind="txt")

    def test_targets_in_error(self):
        records = [{"text": "og", "target": "o"}, {"text": "og"}, {"text": "og", "target": 5}, {"text": "", "target": ""}]
        self.same("conditional-score", records, "--task", "score", "--token-scores")

    def test_prefixes(self):
        model = GOLDEN / "prefix-greedy" / "model"
        records = lines(GOLDEN / "prefix-greedy" / "input.jsonl")[:3] + [{"text": "og"}, {"text": "og", "prefix": 4}]
        told = list(grus.Model(model).run(records, prefix_key="prefix", mark_truncated=True))
        self.assertIsNone(difference(told, command(model, records, "--prefix-key", "prefix", "--mark-truncated")))

    @unittest.mock.patch("grus._records.MOST_RECORDS", 50)
    def test_draws_are_those_of_the_shard(self):
        model = MODELS / "g2p-en"
        records = [{"text": word} for word in ("attention", "gate", "recurrent", "unit") * 40]
        options = ["--beam-size", "1", "--sampling-topk", "4", "--seed", "7"]
        told = list(grus.Model(model).run(records, shard="words", **keywords(options)))
        expected = command(model, records, *options, name="words")
        self.assertIsNone(difference(told, expected))
        self.assertGreater(len({record["output"] for record in told}), 4)

    def test_one_in_error_can_end_all(self):
        model = grus.Model(GOLDEN / "last" / "model")
        with self.assertRaises(grus.Error) as caught:
            list(model.run(["a" * 20000], fail_on_error=True))
        self.assertEqual((caught.exception.status, caught.exception.place), (grus.Status.FAILED, "record 1"))
        told = model.run([{"text": "a"}, {"nope": 1}, {"text": "b"}], fail_on_error=True, threads=1)
        with self.assertRaisesRegex(grus.Error, 'record 2: field "text" is missing'):
            list(told)

    def test_unknown_words_come_from_the_source(self):
        with tempfile.TemporaryDirectory() as work:
            model = pathlib.Path(work) / "model"
            shutil.copytree(GOLDEN / "bahdanau" / "model", model)
            vocab = model / json.loads((model / "config.json").read_text())["decoder"]["vocab"]
            vocab.chmod(0o644)
            words = vocab.read_text().splitlines()      # what it says most is unknown
            vocab.write_text("".join({"tümi": "<unk>", "<unk>": "tümi"}.get(word, word) + "\n" for word in words))
            records = [{"text": f"{word} Ωmega"} for word in ("og", "yö", "Б字", "n", "ha")]
            told = list(grus.Model(model).run(records, replace_unk=True))
            self.assertIsNone(difference(told, command(model, records, "--replace-unk")))
            self.assertIn("<unk>", str(list(grus.Model(model).run(records))))
            self.assertNotIn("<unk>", str(told))


@unittest.mock.patch("grus._records.MOST_RECORDS", 50)
class Streams(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = grus.Model(GOLDEN / "tagger" / "model")
        cls.texts = [f"{word} {number}" for number in range(200) for word in ("og", "yö", "?g", "Б字")]

    def test_any_number_of_threads_gives_the_same_in_order(self):
        one = list(self.model.run(self.texts, threads=1))
        self.assertEqual([record["id"] for record in one], list(range(1, 801)))
        for threads in (2, 3, 7):
            self.assertEqual(one, list(self.model.run(self.texts, threads=threads)))

    def test_reads_no_further_ahead_than_it_must(self):
        taken = 0

        def endless():
            nonlocal taken
            for text in itertools.cycle(self.texts):
                taken += 1
                yield text

        stream, ahead = self.model.run(endless(), threads=2), []
        for i in range(1, 501):
            next(stream)
            ahead.append(taken - i)
        self.assertLessEqual(max(ahead), 5 * 50)
        stream.close()
        self.assertRaises(StopIteration, next, stream)

    def test_what_the_input_raises_comes_behind_what_stood_before(self):
        def broken():
            yield from self.texts[:333]
            raise LookupError("gone")

        told = []
        with self.assertRaisesRegex(LookupError, "gone"):
            for record in self.model.run(broken(), threads=2):
                told.append(record)
        self.assertEqual(len(told), 333)
        with self.assertRaises(TypeError):
            list(self.model.run([5]))

    def test_an_early_end_stops_the_work(self):
        slow = grus.Model(MODELS / "debian-summaries")
        records = [{"text": ""}] * 50 + [{"text": "very " * 3000}] * 200
        stream = slow.run(records, threads=2, beam_size=8)
        next(stream)
        begun = time.monotonic()
        stream.close()
        self.assertLess(time.monotonic() - begun, 5)

    def test_options_are_refused_at_once(self):
        with self.assertRaises(grus.Error) as caught:
            self.model.run([], task="translate")
        self.assertEqual((caught.exception.status, caught.exception.place), (grus.Status.USAGE, "run.task"))
        self.assertRaises(TypeError, self.model.run, [], beam=5)
        self.assertRaises(TypeError, self.model.run, [], beam_size="five")
        self.assertRaises(ValueError, self.model.run, [], task="dream")
        self.assertRaises(ValueError, self.model.run, [], beam_size=-1)
        self.assertRaises(TypeError, self.model.run, [], level=3)
        self.assertRaises(TypeError, self.model.run, "one text")
        self.assertRaises(ValueError, self.model.run, [], threads=-1)
        self.assertEqual(list(self.model.run([])), [])


if __name__ == "__main__":
    unittest.main()
