"""Models, batches in numpy, whole runs, and errors."""

import copy
import gc
import os
import pathlib
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import unittest.mock

import grus
import numpy as np
from grus import _library, _options
from support import GOLDEN, GRUS, MODELS, command, difference, lines


class Models(unittest.TestCase):
    def test_what_a_model_tells(self):
        model = grus.Model(MODELS / "snips-en", "int8")
        self.assertEqual((model.task, model.compute_type, model.feature_dim), ("own", "int8", 0))
        self.assertEqual([(head.name, head.on_token) for head in model.heads], [("intent", False), ("slots", True)])
        labels = (MODELS / "snips-en" / "intent.labels").read_text().splitlines()
        self.assertEqual(model.heads[0].labels, labels)
        self.assertEqual(model.tokens(), (MODELS / "snips-en" / "source.vocab").read_text().splitlines())
        self.assertEqual(model.describe()["hash"], grus.Model(MODELS / "snips-en").describe()["hash"])
        self.assertGreaterEqual(grus.cpu_count(), 1)
        self.assertEqual(grus.version(), subprocess.run([GRUS, "version"], capture_output=True, text=True).stdout.split()[1])

    def test_errors_are_exceptions(self):
        with self.assertRaises(grus.Error) as caught:
            grus.Model("/nowhere")
        error = caught.exception
        self.assertEqual(error.status, grus.Status.MODEL)
        self.assertTrue(error.file.startswith("/nowhere") and error.cause)
        self.assertEqual(str(error), f"{error.file}: {error.cause}")
        again = pickle.loads(pickle.dumps(error))
        self.assertEqual((again.status, again.file, str(again)), (error.status, error.file, str(error)))
        self.assertRaises(ValueError, grus.Model, MODELS / "snips-en", "int4")
        with self.assertWarnsRegex(UserWarning, "does not use this tensor"):
            grus.Model(GOLDEN / "mixed-dtypes" / "model")

    def test_structs_lie_as_those_of_the_library(self):
        run = _options.Options(None, {}).run
        told = (run.text_key, run.id_key, run.target_key, run.text_column, run.target_column, run.max_record, run.level)
        self.assertEqual(told, (b"text", b"id", b"target", 1, 2, 16 << 20, 3))
        self.assertEqual((_library.words["compress"][run.compress], run.prefix_key), ("zst", None))
        self.assertEqual((run.world_size, run.max_errors, run.max_errors_percent), (1, 2**64 - 1, 100))
        self.assertEqual((bool(run.ensemble), run.n_ensemble), (False, 0))
        search = _options.Options(None, {}).search
        self.assertEqual((search.beam_size, search.n_best, search.repetition_penalty), (1, 1, 1))
        self.assertEqual((search.sampling_topk, search.sampling_temperature), (1, 1))

    def test_without_the_library(self):
        environment = dict(os.environ, GRUS_LIBRARY="/nowhere/libgrus.so.0")
        done = subprocess.run([sys.executable, "-c", "import grus"], env=environment, capture_output=True, text=True)
        self.assertIn("ImportError: /nowhere/libgrus.so.0 cannot be loaded", done.stderr)
        self.assertIn("GRUS_LIBRARY", done.stderr)


class Batches(unittest.TestCase):
    def test_embeddings(self):
        model = grus.Model(GOLDEN / "last" / "model")
        records = lines(GOLDEN / "last" / "input.jsonl")
        expected = [record["embedding"] for record in command(GOLDEN / "last" / "model", records, "--task", "embed")]
        found = model.encode([record["text"] for record in records])
        self.assertEqual((found.dtype, found.shape), (np.float32, (len(records), len(expected[0]))))
        self.assertTrue(found.flags.c_contiguous and not found.flags.owndata)  # the library's own memory
        self.assertIsNone(difference(found, expected))
        kept = copy.deepcopy(found)
        row = found[2]
        del model, found
        gc.collect()
        grus.Model(GOLDEN / "last" / "model").encode(["some other work"] * 500)
        np.testing.assert_array_equal(row, kept[2])
        self.assertEqual(grus.Model(GOLDEN / "last" / "model").encode([]).shape, (0, kept.shape[1]))

    def test_states(self):
        model = grus.Model(GOLDEN / "states-features" / "model")
        records = lines(GOLDEN / "states-features" / "input.jsonl")
        expected = [record["states"] for record in command(GOLDEN / "states-features" / "model", records, "--task", "states")]
        matrices = [np.array(record["features"], np.float32).reshape(-1, model.feature_dim) for record in records]
        states, offsets = model.encode(matrices, states=True)
        for i, rows in enumerate(expected):
            self.assertIsNone(difference(states[offsets[i] : offsets[i + 1]], rows))
        whole = np.concatenate(matrices)
        again = model.encode(whole, [len(matrix) for matrix in matrices], states=True)
        np.testing.assert_array_equal(again.states, states)

    def test_an_array_is_not_copied(self):
        from grus import _sequences

        for data, dim in ((np.zeros((6, 3), np.float32), 3), (np.arange(6, dtype=np.uint64), 0), (np.arange(6), 0)):
            sequences = _sequences.of_array(data, [2, 0, 4], dim)
            self.assertEqual(sequences.struct.features if dim else sequences.struct.ids, data.ctypes.data)
        self.assertRaises(ValueError, _sequences.of_array, np.zeros((6, 3), np.float32), [2, 3], 3)
        self.assertRaises(ValueError, _sequences.of_array, np.zeros((6, 2), np.float32), [6], 3)
        self.assertRaises(TypeError, _sequences.of_array, np.zeros(6), [6], 0)

    def test_generate_and_score(self):
        model = grus.Model(MODELS / "multi30k-en-de")
        texts = ["two dogs are running .", "", "a man in a blue shirt ."]
        told = command(MODELS / "multi30k-en-de", [{"text": text} for text in texts], "--n-best", "3", "--attention", "soft")
        found = model.generate(texts, n_best=3, attention=True)
        for hypotheses, record in zip(found, told):
            self.assertEqual([hypothesis.text for hypothesis in hypotheses], [item["output"] for item in record["nbest"]])
            for hypothesis, item in zip(hypotheses, record["nbest"]):
                self.assertIsNone(difference([hypothesis.score, hypothesis.logprob], [item["score"], item["logprob"]]))
            self.assertIsNone(difference(hypotheses[0].attention, record["attention"]))
            self.assertIsNone(hypotheses[1].attention)
        self.assertEqual(model.translate_batch(texts), [record["output"] for record in told])
        best = [hypotheses[0] for hypotheses in found]
        scores = model.score(texts, [hypothesis.text for hypothesis in best], token_scores=True)
        for i, hypothesis in enumerate(best):  # cut anew, a text may have other tokens than were generated
            if len(scores.token_logprobs[i]) == len(hypothesis.ids):
                self.assertAlmostEqual(scores.score[i], hypothesis.score, places=5)
            self.assertAlmostEqual(float(scores.token_logprobs[i].sum()), scores.logprob[i], places=4)
        begun = model.generate(texts[:1], prefixes=["eine"])[0][0].text
        self.assertTrue(begun.startswith("eine"), begun)

    def test_an_ensemble(self):
        model, others = (GOLDEN / "bahdanau" / "model", [GOLDEN / name / "model" for name in ("hard-gates", "lstm-greedy")])
        with tempfile.TemporaryDirectory() as work:
            for i, other in enumerate(others):  # with the vocabularies of the first
                others[i] = pathlib.Path(shutil.copytree(other, pathlib.Path(work) / str(i)))
                for vocabulary in model.glob("*.vocab"):
                    shutil.copy(vocabulary, others[i])
            flags = [word for other in others for word in ("--ensemble", str(other))]
            records = [{"text": text} for text in ("og", "", "yö og", "gyö")]
            expected = command(model, records, "-b", "3", "--attention", "soft", *flags)
            first, members = grus.Model(model), [grus.Model(other) for other in others]
        told = list(first.run(records, beam_size=3, attention="soft", ensemble=members, threads=2))
        self.assertIsNone(difference(told, expected))
        texts = [record["text"] for record in records]
        found = first.generate(texts, beam_size=3, attention=True, ensemble=members)
        each = [model.score(texts, [best[0].text for best in found]).logprob for model in (first, *members)]
        for i, (best,) in enumerate(found):
            self.assertEqual((best.text, np.float32(best.score)), (expected[i]["output"], np.float32(expected[i]["score"])))
            self.assertIsNone(difference(best.attention, expected[i]["attention"]))
            if best.ended:
                self.assertAlmostEqual(best.logprob, np.mean([logprobs[i] for logprobs in each]), places=5)
        self.assertTrue(any(best.ended for (best,) in found))
        for wrong in ([model], ["first"], [None]):
            self.assertRaises(TypeError, first.generate, texts, ensemble=wrong)
        with self.assertRaises(grus.Error) as caught:
            first.generate(texts, ensemble=[grus.Model(GOLDEN / "last" / "model")])
        self.assertEqual((caught.exception.place, caught.exception.cause), ("run.ensemble", "has no decoder"))

    def test_ids(self):
        case = GOLDEN / "score-ids"
        records = lines(case / "input.jsonl")
        told = command(case / "model", records, "--task", "score", "--token-scores")
        scores = grus.Model(case / "model").score(
            [record["text"] for record in records], [record["target"] for record in records], token_scores=True
        )
        self.assertIsNone(difference(scores.logprob, [record["logprob"] for record in told]))
        self.assertIsNone(difference(scores.token_logprobs, [record["token_logprobs"] for record in told]))

    def test_a_record_in_error_raises(self):
        model = grus.Model(GOLDEN / "last" / "model")
        with self.assertRaises(grus.Error) as caught:
            model.encode(["a", "b" * 20000])
        self.assertEqual((caught.exception.status, caught.exception.place), (grus.Status.FAILED, "record 2"))
        self.assertRaises(TypeError, model.encode, "one text")
        self.assertRaises(TypeError, model.encode, ["a", [1]])

    def test_the_interpreter_goes_on(self):
        model = grus.Model(MODELS / "multi30k-en-de")
        turns, done = 0, threading.Event()
        thread = threading.Thread(target=lambda: (model.translate_batch(["two dogs are running ."] * 100), done.set()))
        thread.start()
        while not done.is_set():
            turns += 1
            time.sleep(0.001)
        thread.join()
        self.assertGreater(turns, 5)


@unittest.mock.patch("warnings.warn", lambda *_, **__: None)
class Shards(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.TemporaryDirectory()
        self.at = pathlib.Path(self.work.name)
        for name in ("a", "b"):
            (self.at / f"{name}.txt").write_text("".join(f"og {i}\n" for i in range(300)))
        self.model = grus.Model(GOLDEN / "bahdanau" / "model")

    def tearDown(self):
        self.work.cleanup()

    def test_the_bytes_are_those_of_the_command(self):
        seen = []
        inputs = [self.at / "a.txt", self.at / "b.txt"]
        last = self.model.run_shards(inputs, self.at / "out", beam_size=3, n_best=2, progress=seen.append)
        subprocess.run([GRUS, "run", self.model.path, *inputs, "-q", "-o", self.at / "c", "-b", "3", "--n-best", "2"], check=True)
        for name in ("a", "b"):
            one, other = (self.at / where / f"{name}.jsonl.zst" for where in ("out", "c"))
            self.assertEqual(one.read_bytes(), other.read_bytes())
        self.assertEqual((last.records, last.shards_done, last.final), (600, 2, True))
        self.assertTrue(seen and seen[-1].final and seen[-1].records == 600)
        self.assertEqual(self.model.run_shards(inputs, self.at / "out", beam_size=3, n_best=2).shards_skipped, 2)

    def test_folders(self):
        (self.at / "tree" / "in").mkdir(parents=True)
        shutil.copy(self.at / "a.txt", self.at / "tree" / "in")
        last = self.model.run_shards(self.at / "tree", self.at / "t", recursive=True)
        self.assertEqual(last.shards_done, 1)
        (self.at / "list").write_text("in/a.txt\n")
        self.model.run_shards(self.at / "tree", self.at / "l", filelist=self.at / "list")
        one, other = (self.at / where / "in" / "a.jsonl.zst" for where in "tl")
        self.assertEqual(one.read_bytes(), other.read_bytes())

    def test_errors(self):
        failed = []
        (self.at / "d.jsonl.zst").write_bytes(b"nothing of the kind")
        with self.assertRaises(grus.Error) as caught:
            self.model.run_shards(self.at, self.at / "out", on_shard_error=failed.append)
        self.assertEqual(caught.exception.status, grus.Status.FAILED)
        self.assertEqual([pathlib.Path(error.file).name for error in failed], ["d.jsonl.zst"])
        self.assertIs(caught.exception.__cause__, failed[0])
        with self.assertRaisesRegex(LookupError, "mine"):
            self.model.run_shards(self.at / "a.txt", self.at / "out2", progress=self.fail_mine)
        with self.assertRaises(grus.Error) as caught:
            self.model.run_shards(self.at / "nowhere", self.at / "out3")
        self.assertEqual(caught.exception.status, grus.Status.INPUT)

    @staticmethod
    def fail_mine(now):
        raise LookupError("mine")

    def test_an_interrupt_ends_the_run(self):
        (self.at / "long.txt").write_text("a library for many long and winding words\n" * 20000)
        program = (
            "import grus, signal\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"   # a background job has it ignored
            f"model = grus.Model({str(MODELS / 'debian-summaries')!r})\n"
            f"model.run_shards({str(self.at / 'long.txt')!r}, {str(self.at / 'out')!r}, progress=lambda now: print(1, flush=True))\n"
        )
        run = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        run.stdout.readline()
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=60)
        self.assertIn("KeyboardInterrupt", said)
        self.assertFalse((self.at / "out" / "long.jsonl.zst").exists())


if __name__ == "__main__":
    unittest.main()
