"""What compare_builds.py tries. A trial is a function of a folder and two builds that gives two dictionaries of contents by name,
which must be equal: what OLD made and what NEW made, or what an undisturbed run makes and what both made of it in turn.

Each build works in a folder of its own in which `models`, `golden`, `files` and `in` (inputs, made once) are links, so that all
paths it sees and prints are the same. The two run on different numbers of threads, which is to be without effect.
"""
import collections
import glob
import itertools
import json
import os
import re
import shutil
import subprocess
import time

TOP = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
GOLDEN = os.path.join(TOP, "tests", "golden")  # files NAME.case
PARTS = ("models", "golden", "commands", "wrong", "resume", "kernels")
KERNELS = ("skx", "haswell", "generic")
THREADS = itertools.cycle(((1, 2), (3, 1), (2, 8), (8, 3)))

# Records of a slice for: greedy search and encoders, beams and forced targets. Steps of a slice of golden cases.
Scale = collections.namedtuple("Scale", "greedy beam golden")
SCALES = {"quick": Scale(120, 40, 5), "usual": Scale(1500, 300, 1), "full": Scale(10 ** 9, 10 ** 9, 1)}
SEQ2SEQ = {"g2p-en", "multi30k-en-de"}

Trial = collections.namedtuple("Trial", "part name function")

# Members of a report whose values hang on time, threads and what the machine had at hand.
VARYING = {"seconds", "records_per_second", "tokens_in_per_second", "tokens_out_per_second", "workers_busy", "peak_memory",
           "predicted_memory", "threads", "slots"}


def read(path):
    with open(path, "rb") as f:
        return f.read()


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def lines_of(path, count):
    """The first lines of a compressed shard."""
    process = subprocess.Popen(["zstd", "-dcq", path], stdout=subprocess.PIPE)
    lines = list(itertools.islice(process.stdout, count))
    process.stdout.close()
    process.wait()
    return lines


# ---- what is normalised -----------------------------------------------------------------------------------------


def shape(value):
    """Names and kinds alone; a list by its first item."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def steady_report(data):
    report = json.loads(data)
    return json.dumps({name: shape(value) if name in VARYING else value for name, value in report.items()}, indent=1).encode()


# What a manifest and run.json say of the process and of the file system, each with the comma of a line that goes.
OWN_FACTS = re.compile(rb'\s*"(run|input_path|input_modified_ns|input_inode)": "[^"\n]*",?')


def steady_json(data):
    """A manifest, or run.json, without what two runs cannot have in common; a comma that is left at the end goes too."""
    return re.sub(rb",(\s*})", rb"\1", OWN_FACTS.sub(b"", data))


def steady_text(data):
    """What is said, without times, threads and the memory that is announced."""
    data = re.sub(rb"\d+ (s|min|h) ago", b"T ago", data)
    data = re.sub(rb"\d+ bytes a source position, \d+ a lane", b"N bytes a source position, N a lane", data)
    data = re.sub(rb"\d+ threads?, batches", b"N threads, batches", data)
    data = re.sub(rb"in [\d.,]+ (s|min|h)\b[^;\n]*, [\d.,]+/s", b"in T s, R/s", data)
    data = re.sub(rb"[\d.]+ [KMG]iB when packed", b"N when packed", data)
    data = re.sub(rb"smallest batches takes \d+", b"smallest batches takes N", data)
    return re.sub(rb"at most [\d.]+ [KMGT]?i?B of memory", b"at most N of memory", data)


def steady_name(path):
    """A temporary name without the process and the random number in it."""
    return re.sub(r"\.[0-9]+-[0-9a-f]{16}@", ".@", path)


def contents(outdir):
    """All files of an output directory by name."""
    found = {}
    for folder, _, files in os.walk(outdir):
        for file in files:
            path = os.path.join(folder, file)
            name = steady_name(os.path.relpath(path, outdir))
            if name.startswith(".grus/failed/"):  # version 0.1.0 kept no causes
                continue
            found[name] = read(path)
            if re.fullmatch(r"report.*\.json", name):
                found[name] = steady_report(found[name])
            elif re.fullmatch(r"\.grus/(run|done/.*)\.json", name):
                found[name] = steady_json(found[name])
    return found


# ---- two builds at the same work ---------------------------------------------------------------------------------


def place(where, root):
    """A folder to work in."""
    os.makedirs(where)
    for name, target in (("models", os.path.join(TOP, "models")), ("golden", os.path.join(root, "golden")),
                         ("files", os.path.join(TOP, "tests", "support", "files")), ("in", os.path.join(root, "in"))):
        os.symlink(target, os.path.join(where, name))
    return where


def both(root, function):
    """A trial: the function of (build, folder, threads) gives one side's contents by name."""
    threads = next(THREADS)

    def run(where, old, new):
        return tuple(function(build, place(os.path.join(where, side), root), count)
                     for side, build, count in zip(("old", "new"), (old, new), threads))
    return run


def said(result, name="said"):
    return {name: b"exit %d\n%s%s" % (result.code, steady_text(result.out), steady_text(result.err))}


def job(model, inputs, options, environment=None):
    """One run into a directory: everything in it, and what was said."""
    def run(build, where, threads):
        result = build.run(["run", model, *inputs, "-o", "out", "-t", str(threads), *options], where, environment)
        return {**said(result), **contents(os.path.join(where, "out"))}
    return run


def command(*lines, environment=None, stdin=None):
    """Command lines, one after the other: what they say and their exit codes."""
    def run(build, where, threads):
        found = {}
        for line in lines:
            found.update(said(build.run(line, where, environment, stdin), "grus " + " ".join(line)[:200]))
        return found
    return run


# ---- models and golden cases --------------------------------------------------------------------------------------


def make_inputs(root, old, scale):
    """The golden cases; slices of the demo shards as JSONL, text and TSV, plain and compressed, and forced targets that OLD found."""
    subprocess.run(["bash", os.path.join(TOP, "tests/support/unpack_golden.sh"), f"{root}/golden", *glob.glob(f"{GOLDEN}/*.case")], check=True)
    folder = os.path.join(root, "in")
    for model in sorted(os.listdir(os.path.join(TOP, "models"))):
        demo = os.path.join(TOP, "models", model, "demo.jsonl.zst")
        if not os.path.exists(demo):
            continue
        for name, count in (("greedy", scale.greedy), ("beam", scale.beam)):
            write(f"{folder}/{name}/{model}.jsonl", b"".join(lines_of(demo, count)))
        if model in SEQ2SEQ:
            texts = [json.loads(line)["text"] for line in lines_of(demo, scale.beam)]
            write(f"{folder}/text/{model}.txt", "".join(text + "\n" for text in texts).encode())
            write(f"{folder}/text/{model}-table.tsv", "".join(f"{i}\t{text}\r\n" for i, text in enumerate(texts)).encode())
            result = old.run(["run", os.path.join(TOP, "models", model), "-", "-o", "-", "-q"], root, stdin=f"in/beam/{model}.jsonl")
            records = [json.loads(line) for line in result.out.splitlines()]
            forced = [{"id": r["id"], "text": r["text"], "target": r["output"]} for r in records]
            write(f"{folder}/forced/{model}.jsonl", "".join(json.dumps(r) + "\n" for r in forced).encode())
    features = os.path.join(TOP, "models", "mnist-rows", "demo-f16.safetensors.zst")
    write(f"{folder}/features/plain.safetensors", b"".join(lines_of(features, 10 ** 9)))
    subprocess.run(["zstd", "-q", f"{folder}/beam/g2p-en.jsonl", "-o", f"{folder}/packed.jsonl.zst"], check=True)
    write(f"{folder}/bad.jsonl", b'{"id": 1, "text": "og"}\n{"id": 2, "text": "og"\n{"id": 3, "text": "o\xff"}\n{"id": 4}\n\n[9]\n'
          b'{"id": 8, "text": 7}\n{"id": 10, "text": "og", "output": "mine"}\n{"id": 12, "text": "\\ud800"}\n{"text": "og"}')
    write(f"{folder}/cut.jsonl.zst", read(f"{folder}/packed.jsonl.zst")[:-9])
    write(f"{folder}/long.jsonl", "".join(json.dumps({"id": i, "text": word}) + "\n" for i, word in enumerate(words(6000))).encode())


def words(count):
    """Made up: letters by a generator of pseudo-random numbers that is written down here."""
    state, found = 1, []
    for _ in range(count):
        state = (state * 1103515245 + 12345) % 2 ** 31
        found.append("".join("abcdefghiklmno"[state >> k & 7] for k in range(8, 8 + (state >> 20) % 14)))
    return found


def seq2seq_lines(model):
    """(inputs, options) of every kind of work of a translating model."""
    beam, text = f"in/beam/{model}.jsonl", f"in/text/{model}"
    return [([f"in/greedy/{model}.jsonl"], "--beam-size 1 -q"), ([beam], "--beam-size 5 -q"), ([beam], "--beam-size 5 --n-best 3 -q"),
            ([beam], "-b 1 --attention soft -q"), ([beam], "-b 5 --n-best 2 --attention soft -q"), ([beam], "-b 5 --attention hard -q"),
            ([beam], "-b 4 --length-norm gnmt --length-penalty 0.7 --min-length 3 --max-length 20 -q"),
            ([beam], "-b 3 --length-norm avg --max-length-factor 1.2 --batch-tokens 50 -q"),
            ([f"in/forced/{model}.jsonl"], "--task score -q"), ([f"in/forced/{model}.jsonl"], "--task score --token-scores --attention soft -q"),
            ([f"{text}.txt"], "--format txt --level 9 -q"), ([f"{text}.txt", f"{text}-table.tsv"], "--text-column 2 -q"),
            ([beam], "-b 2 --report told.json"), ([beam], "--checkpoint-records 7 -q"), ([beam], "--dry-run"), (["in/bad.jsonl"], "-q"),
            (["in/bad.jsonl"], "--on-error fail"), (["in/cut.jsonl.zst", beam], "-b 1")]


def encoder_lines(model):
    inputs = [f"in/greedy/{model}.jsonl"]
    if model == "mnist-rows":
        inputs += ["models/mnist-rows/demo-f16.safetensors.zst", "in/features/plain.safetensors"]
    return [(inputs, options) for options in ("", "-q --attention soft", "-q --task classify", "-q --task tag", "-q --task embed",
                                              "-q --task embed --format npy", "-q --task classify --format txt", "-q --batch-tokens 40",
                                              "-q --level 19", "--dry-run")]


def model_trials(root, scale):
    for model in ("g2p-en", "multi30k-en-de", "snips-en", "mnist-rows"):
        for inputs, options in seq2seq_lines(model) if model in SEQ2SEQ else encoder_lines(model):
            yield Trial("models", f"{model} {' '.join(inputs)} {options}",
                        both(root, job("models/" + model, inputs, options.split())))


def golden_cases(scale):
    return sorted(name[:-len(".case")] for name in os.listdir(GOLDEN) if name.endswith(".case"))[::scale.golden]


def golden_trials(root, scale):
    for name in golden_cases(scale):
        options = read(os.path.join(root, "golden", name, "options")).decode().split()
        yield Trial("golden", name, both(root, job(f"golden/{name}/model", [f"golden/{name}/input.jsonl"], options)))


def kernel_of(build, kernel):
    return re.search(rb"\(kernel (\w+)\)", build.run(["--version"], TOP, {"BLIS_ARCH_TYPE": kernel}).out)


def kernel_trials(root, scale, old, new):
    for kernel in KERNELS:
        if not all((found := kernel_of(build, kernel)) and found[1].decode() == kernel for build in (old, new)):
            print(f"the kernel {kernel} is left out: this machine, or this BLIS, lacks it")
            continue
        chosen = {"BLIS_ARCH_TYPE": kernel}
        for name in golden_cases(scale)[::2]:
            options = read(os.path.join(root, "golden", name, "options")).decode().split()
            yield Trial("kernels", f"{kernel} {name}", both(root, job(f"golden/{name}/model", [f"golden/{name}/input.jsonl"], options, chosen)))
        for model, options in (("g2p-en", "-q -b 3 --n-best 2"), ("multi30k-en-de", "-q -b 1 --attention soft"), ("snips-en", "-q"),
                               ("mnist-rows", "-q --task embed")):
            yield Trial("kernels", f"{kernel} {model} {options}",
                        both(root, job("models/" + model, [f"in/beam/{model}.jsonl"], options.split(), chosen)))


# ---- commands ------------------------------------------------------------------------------------------------------


def command_trials(root, scale):
    names = ("run", "inspect", "status", "verify", "bench", "attend")
    yield Trial("commands", "help", both(root, command(["--help"], ["--version"], [], ["help"], *([name, "--help"] for name in names))))
    models = [f"models/{m}" for m in ("g2p-en", "multi30k-en-de", "snips-en", "mnist-rows")] + [f"golden/{c}/model" for c in golden_cases(scale)]
    yield Trial("commands", "inspect models", both(root, command(*(["inspect", m] for m in models), *(["inspect", m, "--strict"] for m in models))))
    shards = sorted("files/" + os.path.basename(p) for p in glob.glob(os.path.join(TOP, "tests/support/files/*.jsonl.zst")))
    shards += ["in/cut.jsonl.zst", "in/bad.jsonl", "in/packed.jsonl.zst", "in/text/g2p-en.txt", "in/text/g2p-en-table.tsv",
               "in/features/plain.safetensors", "models/mnist-rows/demo-f16.safetensors.zst", "models/snips-en/demo.jsonl.zst"]
    yield Trial("commands", "inspect shards", both(root, command(*(["inspect", s] for s in shards), *(["inspect", s, "--max-record", "200"] for s in shards))))
    yield Trial("commands", "damaged shards", both(root, job("golden/bahdanau/model", shards[:-4], ["-q"])))
    yield Trial("commands", "standard input", both(root, command(
        ["run", "models/g2p-en", "-", "-o", "-", "-q"], ["run", "models/g2p-en", "-", "-o", "-", "-q", "-b", "2", "--format", "txt"],
        ["run", "models/g2p-en", "-", "-o", "-"], stdin="in/packed.jsonl.zst")))
    yield Trial("commands", "attend", both(root, attend))
    yield Trial("commands", "status and verify", both(root, status_and_verify))
    yield Trial("commands", "bench, its shape", both(root, bench))


def attend(build, where, threads):
    texts = {"models/g2p-en": ["photograph", "", "a b", "Ökonomie"], "models/snips-en": ["play some jazz", "nothing", "x"],
             "models/multi30k-en-de": ["a man is riding a bicycle .", "two dogs <run> & play"], "models/mnist-rows": ["[]", "[[1]]", "x"],
             "golden/features-encoder/model": ["[[1, 2, 3], [0, -1, 0.5]]", "[[1, 2]]"], "golden/mean/model": ["a"],
             "golden/whitespace-bos-eos/model": ["", "a b"], "golden/pool-additive-learned/model": ["1 2 3", "1 99999"]}
    lines = [["attend", model, text, *options] for model, several in texts.items() for text in several
             for options in ([], ["--style", "ascii", "-w", "50"], ["--style", "blocks"], ["--style", "color", "-w", "30"], ["--svg", "-"],
                             ["-b", "3", "--n-best", "2", "--svg", "picture.svg"])]
    found = command(*lines)(build, where, threads)
    return {**found, "picture.svg": read(os.path.join(where, "picture.svg"))}


def status_and_verify(build, where, threads):
    """Of a run that is done, done in part, damaged and failed."""
    model, inputs = "golden/bahdanau/model", ["in/beam/g2p-en.jsonl", "in/bad.jsonl", "in/cut.jsonl.zst"]
    found, lines = {}, (["status", "out"], ["status", "out", "--json"], ["verify", "out"], ["verify", "out", "-q"],
                        ["verify", "out", "--inputs", *inputs])
    damages = (lambda out: None, lambda out: os.unlink(f"{out}/bad.jsonl.zst"), lambda out: os.unlink(f"{out}/.grus/done/bad.json"),
               lambda out: os.truncate(f"{out}/g2p-en.jsonl.zst", 100), lambda out: write(f"{out}/.grus/done/g2p-en.json", b"{}"),
               lambda out: write(f"{out}/stranger.jsonl.zst", b"x"), lambda out: write(f"{out}/.grus/partial/bad.jsonl.zst.1-0123456789abcdef@h", b""),
               lambda out: write(f"{out}/.grus/run.json", b"{"), lambda out: shutil.rmtree(f"{out}/.grus"))
    build.run(["run", model, *inputs, "-o", "out", "-q", "-t", str(threads)], where)
    for n, damage in enumerate(damages):
        damage(os.path.join(where, "out"))
        found.update((f"{n} {name}", data) for name, data in command(*lines)(build, where, threads).items())
    for n, options in enumerate((["--world-size", "3", "--rank", "1"], ["--world-size", "3", "--rank", "0"])):
        build.run(["run", model, *inputs, "-o", "ranks", "-q", *options], where)
        found.update((f"rank {n} {name}", data) for name, data in command(["status", "ranks"], ["status", "ranks", "--json"])(build, where, 1).items())
    return found


def bench(build, where, threads):
    """The parts and the names of their figures."""
    result = build.run(["bench", "models/snips-en", "in/beam/snips-en.jsonl", "--json", "-", "--seconds", "0", "--records", "40"], where)
    told = json.loads(result.out[result.out.index(b"{"):])
    parts = [{**shape(part), **{name: part[name] for name in ("part", "records", "tokens", "bytes", "flops")}} for part in told["parts"]
             if part["part"] != "run"]
    return {"json": json.dumps([shape(told), parts]).encode(), "exit": b"%d" % result.code,
            "text": re.sub(rb"[\d.,]+", b"#", build.run(["bench", "models/snips-en", "--seconds", "0", "--records", "40"], where).out).replace(b" ", b"")}


# ---- wrong invocations ----------------------------------------------------------------------------------------------

WRONG = """
sing | run | run MODEL -o o2 | run MODEL INPUT | status | status o2 o2 | verify | verify o2 INPUT | verify o2 --inputs | inspect | bench | attend | attend MODEL
run MODEL INPUT -o o2 --no-such-option | RUN --threads | RUN --threads=0 | RUN --threads two | RUN --threads 99999999999999999999 | RUN -t | RUN -t -1
RUN --batch-tokens -1 | RUN --batch-tokens 0 | RUN --max-memory 4X | RUN --max-memory 1K | RUN --max-memory 20M | RUN --max-record 0 | RUN --level 99 | RUN --level 0
RUN --task sing | RUN --task embed | RUN --task tag | RUN --n-best 2 | RUN --n-best 3 --beam-size 2 | RUN --n-best 0 | RUN -b 0 | RUN -b 100000 | RUN -b x
RUN --length-norm median | RUN --length-penalty nan | RUN --length-penalty -1 | RUN --max-length-factor -1 | RUN --max-length 0 | RUN --min-length 300 | RUN --min-length -1
RUN --token-scores | RUN --format npy | RUN --format xml | RUN --format txt --attention soft | RUN --attention medium | RUN --rank 1 | RUN --rank 3 --world-size 3
RUN --world-size 0 | RUN --checkpoint-records ten | RUN --checkpoint-records 0 | RUN --quiet=yes | RUN --on-error cry | RUN --progress sometimes | RUN --text-column 0
RUN --task score | RUN --task score --token-scores --format txt | RUN --seed x | RUN --report | RUN --text-key | RUN --id-key a --target-key a | RUN --strict=1
RUN --text-key a --text-key b --dry-run | RUN --thread 1 --dry-run | RUN --at soft --dry-run | RUN --m 1 | RUN -qt1 --dry-run | RUN -qb2 --dry-run
run ENCODER INPUT -o o2 --attention hard | run ENCODER INPUT -o o2 --task translate | run ENCODER INPUT -o o2 --format txt | run ENCODER INPUT -o o2 --format npy
run ENCODER INPUT -o o2 --beam-size 2 | run ENCODER INPUT -o o2 --task score | run POOLED INPUT -o o2 --format npy --level 3 | run POOLED INPUT -o o2 --task tag
run nowhere INPUT -o o2 | run INPUT INPUT -o o2 | run MODEL nowhere.jsonl -o o2 | run MODEL in -o o2 | run MODEL models/g2p-en/LICENSES.txt nowhere.txt -o o2
run MODEL models/g2p-en/config.json -o o2 | run MODEL INPUT INPUT -o o2 | run MODEL INPUT -o INPUT | run MODEL INPUT -o /proc/nowhere | run MODEL - INPUT -o o2 | run MODEL INPUT -o -
run MODEL - -o o2 --format npy | run MODEL INPUT -o o2 extra.jsonl | inspect nowhere | inspect INPUT nowhere | inspect in | inspect MODEL --max-record x | inspect INPUT --json
status nowhere | status in | status INPUT | verify nowhere | verify in | status o2 --yaml | bench nowhere | bench MODEL nowhere.jsonl | bench MODEL --seconds x | bench MODEL -b 0
bench MODEL --records 0 | bench MODEL --threads 0 | bench MODEL --json | bench MODEL --batch-tokens x | attend nowhere x | attend MODEL x y | attend MODEL x --style grey
attend MODEL x --width 0 | attend MODEL x -w x | attend MODEL x --svg /proc/nowhere | attend ENCODER x | attend MODEL x --n-best 4 -b 2 | attend MODEL x --max-length 0
--nonsense | -h extra | --version extra | run -h | inspect -h MODEL
"""


def wrong_lines():
    words = {"MODEL": ["golden/bahdanau/model"], "ENCODER": ["golden/two-tasks/model"], "POOLED": ["golden/pool-dot-last-hidden/model"],
             "INPUT": ["in/beam/g2p-en.jsonl"], "RUN": ["run", "golden/bahdanau/model", "in/beam/g2p-en.jsonl", "-o", "o2"]}
    for text in re.split(r"\||\n", WRONG.strip()):
        yield [word for part in text.split() for word in words.get(part, [part])]


BROKEN = (("config.json", b'"hidden_size": 7', b'"hidden_sise": 7'), ("config.json", b'"hidden_size": 7', b'"hidden_size": -7'),
          ("config.json", b'"hidden_size": 7', b'"hidden_size": 7.5'), ("config.json", b'"hidden_size": 7', b'"hidden_size": "7"'),
          ("config.json", b'"hidden_size": 7', b'"hidden_size": 8'), ("config.json", b'"encoder"', b"encoder"), ("config.json", b'"seq2seq"', b'"seq3seq"'),
          ("config.json", b'"additive"', b'"multiplicative"'), ("config.json", b'"linear_tanh"', b'"linear_tan"'), ("config.json", b'"previous_state"', b'"next_state"'),
          ("config.json", b'"char"', b'"chars"'), ("config.json", b'"embedding",', b'"embedding", "embedding",'), ("config.json", b'"source.vocab"', b'"../source.vocab"'),
          ("config.json", b'"source.vocab"', b'"nowhere.vocab"'), ("config.json", b'"<s>"', b'"<begin>"'), ("config.json", b"{", b'{"generation": {"beam_size": 0},'),
          ("config.json", b"{", b'{"generation": {"length_norm": "median"},'), ("config.json", b"{", b'{"generation": {"n_best": 3},'),
          ("config.json", b"{", b'{"heads": {},'), ("config.json", b"{", b'{"pooling": {"type": "mean"},'), ("config.json", b"}", b"}]"),
          ("model.safetensors", b'"bridge.weight"', b'"bridge.weighs"'), ("model.safetensors", b'"dtype":"F32"', b'"dtype":"I64"'),
          ("model.safetensors", b"[11,5]", b"[5,11]"), ("model.safetensors", b"[176,512]", b"[172,508]"), ("model.safetensors", b"{", b"["),
          ("source.vocab", b"\n", b"\n\n"), ("source.vocab", b"<unk>", b"q"), ("target.vocab", b"</s>", b"<t>"), ("target.vocab", b"\n", b""))


def broken_models(build, where, threads):
    """Copies of a model in which something is other."""
    found = {}
    for n, (file, old, new) in enumerate(BROKEN):
        model = os.path.join(where, f"broken{n}")
        shutil.copytree(os.path.join(where, "golden/bahdanau/model"), model)
        data = read(os.path.join(model, file))
        found[f"{n} is a change"] = b"%d" % (old in data)
        write(os.path.join(model, file), data.replace(old, new, 1))
        found.update(command(["inspect", f"broken{n}"], ["inspect", f"broken{n}", "--strict"], ["attend", f"broken{n}", "abc", "-w", "60"])(build, where, 1))
    return found


def wrong_trials(root, scale):
    lines = list(wrong_lines())
    for n in range(0, len(lines), 24):
        yield Trial("wrong", f"wrong invocations {n}", both(root, command(*lines[n:n + 24])))
    yield Trial("wrong", "broken models", both(root, broken_models))
    run = ["run", "golden/bahdanau/model", "in/beam/g2p-en.jsonl", "-o", "o2"]
    for environment in ({"BLIS_ARCH_TYPE": "nonsense"}, {"BLIS_ARCH_TYPE": "99"}, {"BLIS_ARCH_TYPE": ""}, {"OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_SIZE": "2"},
                        {"SLURM_PROCID": "x", "SLURM_NTASKS": "2"}, {"PMI_RANK": "1", "PMI_SIZE": "2"}):
        yield Trial("wrong", f"environment {environment}", both(root, command(run, [*run, "--dry-run"], environment=environment)))
    yield Trial("wrong", "another run's directory", both(root, refused))


def refused(build, where, threads):
    """A directory that holds a run of other options, another model, another version's record."""
    run = ["run", "golden/bahdanau/model", "in/bad.jsonl", "-o", "out", "-q"]
    found = command(run, [*run, "-b", "3"], [*run, "--attention", "soft"], [*run, "--max-record", "1M"], [*run, "--world-size", "2", "--rank", "0"],
                    ["run", "golden/whitespace-bos-eos/model", *run[2:]], [*run, "in/cut.jsonl.zst"], [*run, "--text-key", "t"], run)(build, where, 1)
    path = os.path.join(where, "out/.grus/run.json")
    for n, data in enumerate((b"", b"{}", read(path)[:-20], read(path).replace(b'"level": 3', b'"level": "3"'), read(path).replace(b"{", b'{"more": 1,'))):
        write(path, data)
        found.update(said(build.run(run, where), f"run.json {n}"))
    return found


# ---- one build goes on with the other's work -------------------------------------------------------------------------

LONG = ["run", "golden/bahdanau/model", "in/long.jsonl", "-q", "-b", "8", "--max-length", "40", "-o"]


def killed(build, where, out, options, least=2000):
    """A run with checkpoints, killed when its journal has as many bytes; one that ended before is begun anew."""
    for _ in range(20):
        process = build.start([*LONG, out, *options], where)
        journals = os.path.join(where, out, ".grus/partial/*+journal")
        while process.poll() is None and sum(os.path.getsize(p) for p in glob.glob(journals)) < least:
            time.sleep(0.005)
        if build.kill(process):
            return
        shutil.rmtree(os.path.join(where, out))
    raise RuntimeError("the run is always done before it is killed")


def resumed(out):
    """Whether the last run went on from a checkpoint."""
    report = json.loads(read(os.path.join(out, "report.json")))
    return {"went on": b"%d" % (report["records_resumed"] > 0)}


def settled(outdir):
    """Of an output directory what must not tell how it came about."""
    return {name: data for name, data in contents(outdir).items() if not name.startswith("report")}


def hand_over(root, turns):
    """A run that is killed, some of it by one build and some by the other, against an undisturbed one of OLD. turns: which builds."""
    def run(where, old, new):
        where = place(os.path.join(where, "work"), root)
        old.run([*LONG, "whole", "-t", "2"], where)
        builds = [(old, new)[turn] for turn in turns]
        for n, build in enumerate(builds[:-1]):
            killed(build, where, "out", ["--checkpoint-records", ("80", "150")[n % 2], "-t", ("2", "1")[n % 2]], 2000 * (n + 1))
        result = builds[-1].run([*LONG, "out", "-t", "3"], where)
        wanted = {**settled(os.path.join(where, "whole")), "said": b"exit 0\n", "went on": b"1"}
        return wanted, {**settled(os.path.join(where, "out")), **said(result), **resumed(os.path.join(where, "out"))}
    return run


def same_journals(root):
    """The shorter journal of two killed runs is how the longer one begins."""
    def run(where, old, new):
        where, found = place(os.path.join(where, "work"), root), []
        for name, build in (("old", old), ("new", new)):
            killed(build, where, name, ["--checkpoint-records", "100", "-t", "1"], 8000)
            (path,) = glob.glob(os.path.join(where, name, ".grus/partial/*+journal"))
            found.append((steady_name(os.path.basename(path)).encode(), read(path)))
        least = min(len(data) for _, data in found)
        return tuple({"name": name, "journal": data[:least]} for name, data in found)
    return run


def read_both_ways(root, maker):
    """What both builds tell of a directory with a killed run in it, that one of them left."""
    def run(where, old, new):
        first = place(os.path.join(where, "old"), root)
        killed((old, new)[maker], first, "out", ["--checkpoint-records", "100", "-t", "2"])
        second = place(os.path.join(where, "new"), root)
        shutil.copytree(os.path.join(first, "out"), os.path.join(second, "out"))
        look = command(["status", "out"], ["status", "out", "--json"], ["verify", "out"])
        return look(old, first, 1), look(new, second, 1)
    return run


def finished_by_the_other(root, first, undo):
    """A directory of one build, of which something is undone, that the other finishes; and both tell the same of it."""
    inputs = ["in/beam/g2p-en.jsonl", "in/bad.jsonl", "in/text/multi30k-en-de.txt"]
    arguments = ["run", "golden/bahdanau/model", *inputs, "--attention", "soft", "-q", "-o"]

    def run(where, old, new):
        where = place(os.path.join(where, "work"), root)
        before, after = (old, new) if first == 0 else (new, old)
        old.run([*arguments, "whole"], where)
        before.run([*arguments, "out"], where)
        for path in undo:
            os.unlink(os.path.join(where, "out", path))
        result = after.run([*arguments, "out"], where)
        look = command(["status", "out", "--json"], ["verify", "out"])
        return ({**settled(os.path.join(where, "whole")), "said": b"exit 0\n", **look(before, where, 1)},
                {**settled(os.path.join(where, "out")), **said(result), **look(after, where, 1)})
    return run


def ranks(root, first):
    """Two ranks of one run, each by another build."""
    def run(where, old, new):
        where = place(os.path.join(where, "work"), root)
        arguments = ["run", "golden/bahdanau/model", "in/beam", "-q", "--world-size", "2", "--rank"]
        said_of = {}
        for rank, (build, out) in itertools.product((0, 1), ((old, "whole"), (None, "out"))):
            build = build or (old, new)[(first + rank) % 2]
            said_of[out, rank] = said(build.run([*arguments, str(rank), "-o", out], where))
        return tuple({**contents(os.path.join(where, out)), "0": said_of[out, 0]["said"], "1": said_of[out, 1]["said"]} for out in ("whole", "out"))
    return run


def resume_trials(root, scale):
    for turns in ((0, 1), (1, 0), (0, 1, 0), (1, 0, 1)):
        name = " then ".join(("OLD", "NEW")[turn] for turn in turns)
        yield Trial("resume", f"killed and gone on with: {name}", hand_over(root, turns))
    yield Trial("resume", "the journals themselves", same_journals(root))
    for build in (0, 1):
        name = ("OLD", "NEW")[build]
        yield Trial("resume", f"what is told of a killed run of {name}", read_both_ways(root, build))
        yield Trial("resume", f"a rank by {name}, a rank by the other", ranks(root, build))
        for undo in (["bad.jsonl.zst", ".grus/done/bad.json"], [".grus/done/g2p-en.json"], ["g2p-en.jsonl.zst", ".grus/done/g2p-en.json", "report.json"]):
            yield Trial("resume", f"done by {name} but for {' '.join(undo)}, finished by the other", finished_by_the_other(root, build, undo))


def make(root, old, new, scale, parts):
    """The list of trials. Inputs are made at root."""
    scale = SCALES[scale]
    make_inputs(root, old, scale)
    makers = {"models": lambda: model_trials(root, scale), "golden": lambda: golden_trials(root, scale),
              "commands": lambda: command_trials(root, scale), "wrong": lambda: wrong_trials(root, scale),
              "resume": lambda: resume_trials(root, scale), "kernels": lambda: kernel_trials(root, scale, old, new)}
    return [trial for part in PARTS if part in parts for trial in makers[part]()]
