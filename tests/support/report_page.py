#!/usr/bin/env python3
"""A page of `grus report` by a parser that is not grus's, and its numbers against the outputs', read by Python.

    report_page.py facts PAGE                     what the page's <data id=…> say, one a line
    report_page.py text PAGE                      the text of the page, one piece a line
    report_page.py read PAGE FACTS TEXT           both, to files
    report_page.py compare PAGE HEADS OUTPUT...   errors, lengths, scores and labels; HEADS: names with commas, or -

Any of these fails on a page that is not well formed, or that could run or load something.
"""
import collections
import html.parser
import json
import re
import subprocess
import sys

VOID = {"meta", "br", "link", "img", "hr", "input"}
TAGS = set(
    "html head meta title style body header main footer section article h1 h2 h3 p br small b i code span bdi data time div dl dt dd"
    " ol li figure figcaption table thead tbody tr th td svg path rect text".split()
)
ATTRIBUTES = set(
    "lang charset http-equiv content name class id style value datetime aria-hidden aria-label role viewbox preserveaspectratio d x y"
    " width height fill fill-opacity stroke transform".split()
)
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufdd0-\ufdef\ufffe\uffff]")


class Node:
    def __init__(self, tag, attributes):
        self.tag, self.attributes, self.children = tag, attributes, []

    def text(self):
        return "".join(child if isinstance(child, str) else child.text() for child in self.children)

    def find(self, tag, **wanted):
        for child in self.children:
            if isinstance(child, Node):
                if child.tag == tag and all(child.attributes.get(key) == value for key, value in wanted.items()):
                    yield child
                yield from child.find(tag, **wanted)


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.root, self.ids = Node("", {}), set()
        self.open = [self.root]
        if HIDDEN.search(text):
            raise SystemExit(f"the page holds {HIDDEN.search(text).group()!r}")
        self.feed(text)
        self.close()
        if len(self.open) != 1:
            raise SystemExit(f"<{self.open[-1].tag}> is not closed")

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag not in TAGS and not (tag == "title" and self.open[-1].tag == "rect"):
            raise SystemExit(f"<{tag}> has no place in the page")
        for key, value in attributes.items():
            if key not in ATTRIBUTES or re.search(r"url\(|//|javascript:", value or ""):
                raise SystemExit(f"<{tag} {key}={value!r}>")
        if attributes.get("id") in self.ids:
            raise SystemExit(f"two elements are called {attributes['id']}")
        self.ids |= {attributes["id"]} if "id" in attributes else set()
        node = Node(tag, attributes)
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if self.open[-1].tag != tag:
            raise SystemExit(f"</{tag}> within <{self.open[-1].tag}>")
        self.open.pop()

    def handle_data(self, data):
        self.open[-1].children.append(data)

    def handle_comment(self, data):
        raise SystemExit(f"a comment: {data!r}")

    def unknown_decl(self, data):
        raise SystemExit(f"a declaration: {data!r}")

    def handle_pi(self, data):
        raise SystemExit(f"an instruction: {data!r}")


def read_page(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if not text.startswith("<!DOCTYPE html>") or re.search(r"@import|@font-face|<script|<link|<iframe", text, re.I):
        raise SystemExit("the page begins otherwise, or names what it has to load")
    return Page(text).root


def section(page, name):
    found = list(page.find("section", id=name))
    return found[0] if found else Node("", {})


def counts_of(node):
    """The bars of a list of counts."""
    return {next(item.find("bdi")).text(): int(next(item.find("data")).attributes["value"]) for item in node.find("li")}


def charts_of(node):
    return {next(figure.find("b")).text(): figure for figure in node.find("figure")}


def number(text):
    return float(text.replace(",", ""))


def outside(figure):
    return sum(int(number(n)) for n in re.findall(r"([\d,]+) (?:below|from)", "".join(p.text() for p in figure.find("p"))))


class Differences:
    def __init__(self):
        self.n = 0

    def expect(self, what, found, expected):
        if found != expected:
            print(f"{what}: {found!r}, expected {expected!r}")
            self.n += 1


def compare_chart(figure, values, what, differences):
    """Every bar's count against the numbers in its range, and the facts above."""
    bars = [title.text() for title in figure.find("title")]
    differences.expect(f"{what}: numbers", int(next(figure.find("data")).attributes["value"]), len(values))
    total = outside(figure)
    for bar in bars:
        size, count = bar.rsplit(": ", 1)
        total += int(number(count))
        whole = re.fullmatch(r"(-?[\d.,]+)(?: to (-?[\d.,]+))?", size)
        if whole:
            low = number(whole[1])
            high = number(whole[2]) if whole[2] else low
            differences.expect(f"{what}: {bar}", int(number(count)), sum(low <= value <= high for value in values))
        rounded = re.fullmatch(r"(-?[\d.,e-]+) to below (-?[\d.,e-]+)", size)
        if rounded:
            low, high = number(rounded[1]), number(rounded[2])
            edge = 0.0055 * max(abs(low), abs(high))
            least = sum(low + edge <= value < high - edge for value in values)
            most = sum(low - edge <= value < high + edge for value in values)
            differences.expect(f"{what}: {bar}, of {least} to {most}", least <= int(number(count)) <= most, True)
        differences.expect(f"{what}: {bar} is a range", bool(whole or rounded), True)
    differences.expect(f"{what}: all bars", total, len(values))
    mean = number(re.search(r"mean (-?[\d.,e-]+)", figure.text())[1])
    exact = sum(values) / len(values)
    differences.expect(f"{what}: the mean {mean}", abs(mean - exact) <= 0.006 * abs(exact) + 1e-9, True)


def is_failed(record):
    keys = list(record)
    return keys == ["error", "line"] or keys[-1] in ("error", "grus_error")


def generalised(error):
    return re.sub(r"[0-9]+", "N", re.sub(r'unknown token ".*"', 'unknown token ""', error))


def labels_of(value):
    if isinstance(value, dict):
        return [value["label"]] if "label" in value else value["labels"]
    return [label for item in value for label in (item if isinstance(item, list) else [item])]


def read_outputs(paths):
    for path in paths:
        text = subprocess.run(["zstd", "-dcq", path], check=True, stdout=subprocess.PIPE).stdout.decode("utf-8")
        for line in text.split("\n")[:-1]:
            yield json.loads(line)


def compare(page, heads, records):
    differences = Differences()
    good = [record for record in records if not is_failed(record)]
    bad = [record for record in records if is_failed(record)]
    errors = collections.Counter(generalised(record.get("grus_error", record["error"])) for record in bad)
    differences.expect("errors", counts_of(section(page, "errors")), dict(errors))
    lengths, scores = charts_of(section(page, "lengths")), charts_of(section(page, "scores"))
    for name, key in ("Source", "text"), ("Target", "target"), ("Output", "output"):
        texts = [len(record[key]) for record in good if isinstance(record.get(key), str)]
        if texts and (name != "Target" or name in lengths):
            compare_chart(lengths.pop(name), texts, name, differences)
    features = [len(record["features"]) for record in good if "features" in record]
    if features:
        compare_chart(lengths.pop("Source"), features, "features", differences)
    if good and "score" in good[0] and "logprob" in good[0]:
        compare_chart(scores.pop("Score of the output"), [record["score"] for record in good], "score", differences)
    if good and "embedding" in good[0]:
        norms = [sum(x * x for x in record["embedding"]) ** 0.5 for record in good]
        compare_chart(scores.pop("Euclidean norm of the embedding"), norms, "norm", differences)
    cards = {next(card.find("bdi")).text(): card for card in section(page, "labels").find("div", **{"class": "card"})}
    for head in heads:
        counted = collections.Counter(label for record in good for label in labels_of(record[head]))
        shown = sorted(counted.items(), key=lambda item: (-item[1], item[0].encode()))[:15]
        differences.expect(f"labels of {head}", counts_of(cards.pop(head)) if head in cards else None, dict(shown))
        if good and isinstance(good[0][head], dict):
            figure = scores.pop(f"Probability or score of {head}")
            compare_chart(figure, [record[head]["prob"] for record in good], head, differences)
    differences.expect("charts of nothing", [list(lengths), list(scores), list(cards)], [[], [], []])
    return differences.n


def print_facts(page, to):
    for data in page.find("data"):
        if "id" in data.attributes:
            print(data.attributes["id"], data.attributes["value"], file=to)


def main():
    what, path = sys.argv[1:3]
    page = read_page(path)
    if what == "facts":
        print_facts(page, sys.stdout)
    elif what == "text":
        print(page.text())
    elif what == "read":
        with open(sys.argv[3], "w", encoding="utf-8") as facts, open(sys.argv[4], "w", encoding="utf-8") as text:
            print_facts(page, facts)
            print(page.text(), file=text)
    else:
        heads = [] if sys.argv[3] == "-" else sys.argv[3].split(",")
        sys.exit(1 if compare(page, heads, list(read_outputs(sys.argv[4:]))) else 0)


main()
