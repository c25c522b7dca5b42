"""What tests/command/watch.sh looks at: lines of a log, metrics, and the progress line of a terminal.

    watch.py json LOG [EVENT...]      each line is an object with what every event has; the events come in this order
    watch.py same LOG_TEXT LOG_JSON   both formats say the same, but for times
    watch.py metrics FILE             the rules of promtool check metrics
    watch.py value FILE NAME [LABEL]  a metric's value, of the sample that has this text among its labels
    watch.py pty COLUMNS COMMAND...   the widest progress line that the command draws, and all of its words
    watch.py steps COLUMNS COMMAND... every line that the command draws there
    watch.py share LOG RECORDS        bytes done go with records done, in each progress event
    watch.py rate LOG                 the last event's rate is of the records that this process did
"""
import fcntl
import json
import os
import re
import struct
import sys
import termios
import time


def check(condition, what):
    if not condition:
        sys.exit("watch.py: %s" % what)


def events(path):
    with open(path, encoding="utf-8") as f:
        lines = f.read().split("\n")
    check(lines.pop() == "", "the last line has no newline")
    for line in lines:
        event = json.loads(line)
        check(list(event)[:5] == ["time", "level", "rank", "host", "event"], line)
        check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["time"]), line)
        time.strptime(event["time"][:19], "%Y-%m-%dT%H:%M:%S")
        check(event["level"] in ("info", "warning", "error"), line)
        check(isinstance(event["rank"], int) and event["host"], line)
        yield event


def words(line):
    """key=value, values in quotes where they need it."""
    found, at = {}, 0
    while at < len(line):
        match = re.compile(r'([a-z_]+)=("(?:[^"\\]|\\.)*"|[^\s"=\\]+)(?: |$)').match(line, at)
        check(match, "not key=value: %r" % line[at:])
        value = match.group(2)
        found[match.group(1)] = json.loads(value) if value.startswith('"') else value
        at = match.end()
    return found


def same(text, as_json):
    with open(text, encoding="utf-8") as f:
        lines = f.read().splitlines()
    objects = list(events(as_json))
    check(len(lines) == len(objects), "%d lines, %d objects" % (len(lines), len(objects)))
    passing = ("time", "seconds", "records_per_second", "seconds_left", "memory")
    for line, event in zip(lines, objects):
        found = words(line)
        check(list(found) == list(event), "%s: %s" % (line, event))
        for key in found:
            check(key in passing or found[key] == str(event[key]), "%s: %s" % (key, line))


SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*)\} (\S+)')


def samples(path):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    check(text.endswith("\n"), "the last line has no newline")
    helped, typed, seen, current = {}, {}, set(), None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            _, _, name, words_of = line.split(" ", 3)
            check(name not in helped and words_of, "help twice or empty: " + line)
            helped[name] = words_of
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            check(name in helped and name not in typed, "type twice or before help: " + line)
            check(kind in ("counter", "gauge"), line)
            check((kind == "counter") == name.endswith("_total"), "_total is for counters: " + line)
            check(not name.endswith(("_count", "_sum", "_bucket", "_milliseconds", "_kb", "_info")), line)
            typed[name], current = kind, name
        else:
            match = SAMPLE.fullmatch(line)
            check(match, "no sample: " + line)
            name, labels, value = match.groups()
            check(name == current, "not below its type: " + line)
            check((name, labels) not in seen, "twice: " + line)
            names = re.findall(r'([a-zA-Z_][a-zA-Z0-9_]*)="', labels)
            check(len(set(names)) == len(names) and {"rank", "outdir"} <= set(names), "labels: " + line)
            check(not any(n.startswith("__") for n in names), line)
            seen.add((name, labels))
            check(float(value) >= 0, "below 0: " + line)
            yield name, labels, float(value)
    check(set(helped) == set(typed) == {name for name, _ in seen}, "a metric without a sample")


def drawn_lines(columns, command):
    """What the command draws over itself on standard error, a terminal of so many columns."""
    parent, child = os.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = os.fork()
    if process == 0:
        os.close(parent)
        os.dup2(child, 2)
        os.environ.setdefault("TERM", "xterm")
        os.execvp(command[0], command)
    os.close(child)
    drawn = b""
    while True:
        try:
            piece = os.read(parent, 65536)
        except OSError:
            break
        if not piece:
            break
        drawn += piece
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    check(status == 0, "exit %d: %r" % (status, drawn[-300:]))
    return [re.sub(r"\x1b\[[0-9]*m", "", l) for l in re.findall(r"\r\x1b\[K([^\r\n]+)", drawn.decode())]


def pty(columns, command):
    lines = drawn_lines(columns, command)
    lines = [line for line in lines if "records" in line or columns < 20 and not line.startswith("grus")]
    check(lines, "no progress line")
    print(max(map(len, lines)), max(lines, key=len))


def share(path, records):
    several = 0
    for event in events(path):
        if event["event"] != "progress" or not 0 < event["records"] < records:
            continue
        several += 1
        by_records, by_bytes = event["records"] / records, event["bytes_in"] / event["bytes_total"]
        check(abs(by_records - by_bytes) < 0.12, "%.3f of the records, %.3f of the bytes" % (by_records, by_bytes))
        if "seconds_left" in event:
            left = event["seconds"] * (1 - by_bytes) / by_bytes
            check(abs(event["seconds_left"] - left) <= 1e-3 * left + 1e-3, event)
    check(several >= 3, "only %d progress events" % several)


def rate(path):
    last = list(events(path))[-1]
    check(last["event"] == "end" and last["records_resumed"] > 0, last)
    own = (last["records"] - last["records_resumed"]) / last["seconds"]
    check(abs(last["records_per_second"] - own) <= 1e-3 * own + 1e-6, last)


def main(command, *rest):
    if command == "json":
        found = [e["event"] for e in events(rest[0])]
        check(not rest[1:] or found == list(rest[1:]), "events are %s" % found)
    elif command == "same":
        same(*rest)
    elif command == "metrics":
        check(len(list(samples(rest[0]))) > 10, "too few samples")
    elif command == "value":
        label = rest[2] if len(rest) > 2 else ""
        print(*("%d" % v for name, labels, v in samples(rest[0]) if name == rest[1] and label in labels))
    elif command == "pty":
        pty(int(rest[0]), rest[1:])
    elif command == "steps":
        print(*drawn_lines(int(rest[0]), rest[1:]), sep="\n")
    elif command == "share":
        share(rest[0], int(rest[1]))
    elif command == "rate":
        rate(*rest)


main(*sys.argv[1:])
