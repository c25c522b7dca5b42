"""What stands for <unk> in the outputs of a run with --replace-unk, found from the attention of a run without it.

    replaced.py targets CONFIG FOUND                 records for --task score --attention soft: every hypothesis of a run's outputs
    replaced.py outputs CONFIG FOUND SCORED          what the outputs are to be, a list for each record, the best first

FOUND are the records of a run with --n-best, SCORED what scoring its targets gave. Sources are cut by char or whitespace,
targets too, as CONFIG, a config.json, says.
"""
import json
import re
import sys


def read(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def hypotheses(record):
    return [item["output"] for item in record.get("nbest", [record])]


def targets(config, found):
    # Where each code point is a token, one that is no token is <unk>.
    points = json.load(open(config, encoding="utf-8"))["decoder"]["tokenizer"]["type"] == "char"
    for record in read(found):
        for output in hypotheses(record):
            if points:
                output = output.replace("<unk>", "\u2603")
            print(json.dumps({"text": record["text"], "target": output}, ensure_ascii=False))


def cut(kind, text):
    return text.split() if kind == "whitespace" else re.findall("<unk>|.", text, re.DOTALL)


def outputs(config, found, scored):
    model = json.load(open(config, encoding="utf-8"))
    source, target = model["source"]["tokenizer"], model["decoder"]["tokenizer"]["type"]
    before, behind = source.get("bos") is not None, source.get("eos") is not None
    rows_of = iter(read(scored))
    for record in read(found):
        text = record["text"].lower() if source.get("lowercase") else record["text"]
        words, lists = text.split() if source["type"] == "whitespace" else list(text), []
        for output in hypotheses(record):
            tokens, rows = cut(target, output), next(rows_of)["attention"]
            for i, token in enumerate(tokens):
                own = rows[i][before:len(rows[i]) - behind]
                assert len(own) == len(words)
                if token == "<unk>" and own:
                    tokens[i] = words[own.index(max(own))]
            lists.append((" " if target == "whitespace" else "").join(tokens))
        print(json.dumps(lists, ensure_ascii=False))


{"targets": targets, "outputs": outputs}[sys.argv[1]](*sys.argv[2:])
