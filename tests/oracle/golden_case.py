"""A golden case as two files, NAME.case and NAME.safetensors, made of its folder; and the way back.

A .case file is a row of files, each behind a line `==> NAME <==`; a file that lies elsewhere is named instead, by a line
`==> NAME = PATH <==`, PATH seen from the folder of the case.
"""
import os
import re
import shutil
import subprocess

SUPPORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support")
ELSEWHERE = {"squares.model": "../support/files/squares.sentencepiece"}


def read(path):
    with open(path, "rb") as f:
        return f.read()


def section(name, path):
    """What stands for one file in a case."""
    if name in ELSEWHERE:
        if read(path) != read(os.path.join(SUPPORT, ELSEWHERE[name])):
            raise ValueError(f"{path} is not {ELSEWHERE[name]}")
        return f"==> {name} = {ELSEWHERE[name]} <==\n".encode()
    data = read(path)
    if data and not data.endswith(b"\n") or re.search(rb"^==> .* <==$", data, re.M):
        raise ValueError(f"{path} does not fit in a case")
    return f"==> {name} <==\n".encode() + data


def pack(where, folder):
    """The case in the folder `where`, which goes, as two files beside each other in `folder`."""
    model = os.path.join(where, "model")
    names = sorted(set(os.listdir(model)) - {"config.json", "model.safetensors"})
    paths = [os.path.join(where, "options"), os.path.join(model, "config.json"), *(os.path.join(model, n) for n in names),
             os.path.join(where, "input.jsonl"), os.path.join(where, "expected.jsonl")]
    base = os.path.join(folder, os.path.basename(where))
    with open(base + ".case", "wb") as f:
        f.write(b"".join(section(os.path.basename(path), path) for path in paths))
    os.replace(os.path.join(model, "model.safetensors"), base + ".safetensors")
    shutil.rmtree(where)


def unpack(cases, folder):
    """Cases, by the paths of their .case files, into folders of `folder`."""
    subprocess.run(["bash", os.path.join(SUPPORT, "unpack_golden.sh"), folder, *cases], check=True)
