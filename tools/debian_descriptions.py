#!/usr/bin/env python3
"""Descriptions of Debian's packages as pairs of a long text and its summary: fetched from apt, prepared, split by source package.

    debian_descriptions.py fetch DATA [--state DIR]     apt's lists -> DATA/train.jsonl, dev.jsonl, test.jsonl
    debian_descriptions.py prepare < TEXT               raw long descriptions, one a line -> records for grus

Pairs come from `apt-cache dumpavail` (package, source package, Description-md5) and apt's Translation-en (the descriptions of
each md5). Without --state these are the lists of this machine, which must have been got with Acquire::Languages "en"; with it
apt gets lists of its own into DIR first. A record is {"id": package, "text": prepared long description, "expected": {"output":
summary}, "long": the whole long description in one line}.

A prepared text is in lower case, its punctuation stands alone, web addresses are left out; of one longer than HEAD + TAIL
words the first HEAD and the last TAIL are kept, with GAP between, for what the package holds is often said at the end.

The split is a function of the names of the source packages and the seed. A dev or test set has one package of each of its
source packages, and none whose text is near one of train: SHARE of its runs of RUN words in one text of train, or more.
"""
import argparse
import collections
import hashlib
import json
import os
import re
import subprocess
import sys

HEAD, TAIL, GAP = 28, 12, "..."
RUN, SHARE = 5, 0.5


def words(text):
    """Lower case; punctuation at the edges of words, and brackets and quotes anywhere, stand alone."""
    out = []
    for word in text.lower().split():
        if re.match(r"<?(https?|ftp|git)://|www\.", word):
            continue
        for part in re.findall(r"[()\[\]{}<>\"“”„‘’`]|[^()\[\]{}<>\"“”„‘’`]+", word):
            head, body, tail = re.fullmatch(r"([.,;:!?*'-]*)(.*?)([.,;:!?']*)", part, re.DOTALL).groups()
            out += [*runs(head), *([body] if body else []), *runs(tail)]
    return out


def runs(marks):
    """'...,' -> ['...', ',']"""
    return [m.group() for m in re.finditer(r"(.)\1*", marks)]


def shorten(found):
    return found if len(found) <= HEAD + TAIL else found[:HEAD] + [GAP] + found[-TAIL:]


def prepare(text):
    return " ".join(shorten(words(text)))


def tidy(text):
    """Takes the space away again where print has none: '( data files )' -> '(data files)'."""
    return re.sub(r" ([.,;:!?)\]}]+)(?= |$)", r"\1", re.sub(r"(?<!\S)([(\[{]) ", r"\1", text))


def stanzas(lines):
    """Of a control file: dictionaries of the fields, lines of one field joined by \\n."""
    now, last = {}, None
    for line in lines:
        line = line.rstrip("\n")
        if not line:
            if now:
                yield now
            now, last = {}, None
        elif line[0] in " \t":
            now[last] += "\n" + line
        else:
            last, _, value = line.partition(":")
            now[last] = value.strip()
    if now:
        yield now


def long_text(field):
    """The lines behind the first of a Description field, in one line."""
    return " ".join(line.strip() for line in field.split("\n")[1:] if line.strip() != ".").strip()


def run(command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout


def read_apt(state):
    """-> [(package, source package, summary, long description)], each text once, sorted by package"""
    options = ["-o", "Acquire::Languages=en"]
    if state:
        os.makedirs(os.path.join(state, "lists", "partial"), exist_ok=True)
        options += ["-o", f"Dir::State::lists={os.path.abspath(state)}/lists", "-o", f"Dir::Cache={os.path.abspath(state)}/cache"]
        run(["apt-get", *options, "update"])
    files = run(["apt-get", *options, "indextargets", "--format", "$(FILENAME)", "Created-By: Translations"]).split()
    texts = {}
    for file in files:
        for s in stanzas(run(["/usr/lib/apt/apt-helper", *options, "cat-file", file]).split("\n")):
            if "Description-en" in s:
                texts[s["Description-md5"]] = s["Description-en"]
    out, seen = [], set()
    for s in sorted(stanzas(run(["apt-cache", *options, "dumpavail"]).split("\n")), key=lambda s: (s["Package"], s["Version"])):
        text = texts.get(s.get("Description-md5"))
        if text is None or text in seen:
            continue
        seen.add(text)
        out.append((s["Package"], s.get("Source", s["Package"]).split()[0], text.split("\n")[0], long_text(text)))
    return out


def order(seed, name):
    return hashlib.sha256(f"{seed} {name}".encode()).digest()


def grams(text):
    found = text.split()
    return {" ".join(found[i:i + RUN]) for i in range(max(1, len(found) - RUN + 1))}


def far_from(records, train):
    """Those of records that are near none of train."""
    where = collections.defaultdict(list)
    for i, r in enumerate(train):
        for g in grams(r["text"]):
            where[g].append(i)
    out = []
    for r in records:
        mine = grams(r["text"])
        common = collections.Counter(i for g in mine for i in where.get(g, ()))
        if not common or max(common.values()) < SHARE * len(mine):
            out.append(r)
    return out


def split(pairs, seed, dev, test):
    """-> lists of records: train, dev, test. dev, test: numbers of source packages, before those that are near train go."""
    by_source = collections.defaultdict(list)
    for package, source, summary, text in pairs:
        prepared, wanted = prepare(text), " ".join(words(summary))
        if len(prepared.split()) >= 8 and wanted:
            by_source[source].append({"id": package, "text": prepared, "expected": {"output": wanted}, "long": text})
    sources = sorted(by_source, key=lambda s: order(seed, s))
    one = lambda names: [min(by_source[s], key=lambda r: order(seed, r["id"])) for s in names]      # noqa: E731
    train = [r for s in sources[dev + test:] for r in by_source[s]]
    return train, far_from(one(sources[:dev]), train), far_from(one(sources[dev:dev + test]), train)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = p.add_subparsers(dest="command", required=True)
    f = commands.add_parser("fetch")
    f.add_argument("data")
    f.add_argument("--state", metavar="DIR", help="get lists into DIR instead of those of this machine")
    f.add_argument("--seed", default="grus")
    f.add_argument("--dev", type=int, default=1200, help="source packages")
    f.add_argument("--test", type=int, default=2400, help="source packages")
    commands.add_parser("prepare")
    a = p.parse_args()
    if a.command == "prepare":
        for n, line in enumerate(sys.stdin, 1):
            print(json.dumps({"id": n, "text": prepare(line)}, ensure_ascii=False))
        return 0
    parts = split(read_apt(a.state), a.seed, a.dev, a.test)
    os.makedirs(a.data, exist_ok=True)
    for name, records in zip(("train", "dev", "test"), parts):
        with open(os.path.join(a.data, f"{name}.jsonl"), "w", encoding="utf-8") as out:
            out.writelines(json.dumps(r, ensure_ascii=False) + "\n" for r in records)
        print(f"{name}: {len(records)} pairs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
