#!/usr/bin/env python3
"""Takes from runs what they work with: OUTDIR vanishes and comes back, another run comes into the same path, inputs change;
processes are stopped and continued after others have taken over; some are of other pid namespaces.

Nothing may be wrong without a word: where verify finds nothing, every output is what a fresh run of the inputs makes; a run
that has lost its directory stops with exit 5 and leaves nothing there; and the next run makes everything.

    GRUS=build/grus python3 tests/attack/takeover.py               COUNT of each
    GRUS=build/grus python3 tests/attack/takeover.py --seconds 8   a slice, at random
"""
import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import time

from common import GOLDEN, LIMIT, Attack, Command, Job, add_options, anonymous, make_shards, need, read, tree, write

DONE, FAILED, USAGE, INPUT, OUTPUT, KILLED = 0, 1, 2, 4, 5, -9
MODEL = os.path.join(GOLDEN, "bahdanau/model")
OPTIONS = ["--attention", "soft", "--checkpoint-records", "40", "--batch-tokens", "200"]
TICK = 0.012  # seconds; a file's time has gone on by then
NAMESPACES = (["unshare", "-p", "-f", "--mount-proc"], ["unshare", "-U", "-r", "-p", "-f", "--mount-proc"])


def partial_of(outdir):
    folder = os.path.join(outdir, ".grus", "partial")
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []


def wait_until_amid(attack, job, process, outdir, rng):
    """Waits for a random moment, or until the process has claimed the directory, or begun a shard and a moment more."""
    moment, ends = rng.random(), time.monotonic() + LIMIT
    claim = os.path.join(outdir, ".grus", "run.json")
    if moment < 0.2:
        time.sleep(rng.uniform(0, job.seconds))
    while moment >= 0.2 and process.poll() is None and time.monotonic() < ends and \
            not (os.path.exists(claim) if moment < 0.5 else partial_of(outdir)):
        time.sleep(0.001 if moment >= 0.35 else 0)  # the claim is there, and its maker has not looked at it again
    if moment >= 0.5:
        time.sleep(rng.random() ** 2 * job.seconds / 2)
    is_amid = process.poll() is None and partial_of(outdir)
    attack.note("processes %s" % ("that were at work" if is_amid else "before or after their work"))


def stop(pid):
    """Returns when every thread has stopped: one that is in the midst of a call ends it first."""
    def states():
        return {read("/proc/%d/task/%s/stat" % (pid, tid)).rsplit(b")", 1)[1].split()[0] for tid in os.listdir("/proc/%d/task" % pid)}

    try:
        os.kill(pid, signal.SIGSTOP)
        while states() - {b"T", b"Z", b"X"}:
            time.sleep(0.002)
    except (OSError, IndexError):
        pass  # it has ended


def finish(job, process, allowed, what):
    result = job.command.finish(process)
    need(result.code in allowed, "%s: exit %d: %s" % (what, result.code, result.err.strip()))
    need(result.code in (DONE, KILLED) or result.err, "%s: exit %d without a word" % (what, result.code))
    return result.code


def verify(job, outdir):
    return job.command.run(["verify", outdir]).code


def vanish(outdir, how):
    """What becomes of OUTDIR; where it is afterwards, if it was moved."""
    away = outdir + ".away"
    while how in ("removed", "remade") and os.path.isdir(outdir):  # a run may put something there meanwhile
        shutil.rmtree(outdir, ignore_errors=True)
    if how == "emptied" and os.path.isdir(outdir):
        for name in os.listdir(outdir):
            path = os.path.join(outdir, name)
            shutil.rmtree(path, ignore_errors=True) if os.path.isdir(path) else os.unlink(path)
    elif how.startswith("moved") and os.path.isdir(outdir):
        os.rename(outdir, away)
        if how == "moved and back":
            time.sleep(0.02)
            if os.path.isdir(outdir):  # made by the run, which began just then
                shutil.rmtree(outdir, ignore_errors=True)
            if not os.path.isdir(outdir):
                os.rename(away, outdir)
    if how == "remade":
        os.makedirs(outdir, exist_ok=True)


VANISHED = ("removed", "remade", "emptied", "moved", "moved and back")


def vanishes(folder, attack, job, how, seed):
    rng, outdir = random.Random(seed), os.path.join(folder, "out")
    process = job.command.start(job.run_arguments(outdir))
    wait_until_amid(attack, job, process, outdir, rng)
    vanish(outdir, how)
    finish(job, process, (DONE, OUTPUT), "the run")
    if os.path.isdir(outdir):
        job.check_anytime(outdir)
    job.rerun(outdir)
    need(verify(job, outdir) == DONE, "verify finds a difference")


def owner(jobs, outdir):
    """Of these jobs the one whose directory it is."""
    claim = anonymous(".grus/run.json", read(os.path.join(outdir, ".grus", "run.json")))
    owners = [job for job in jobs if job.wanted[".grus/run.json"] == claim]
    need(len(owners) == 1, "run.json is nobody's")
    return owners[0]


def settle(jobs, outdir):
    """The directory is one job's: all that is there is its own, the other is refused, and it can be brought to its end."""
    job = owner(jobs, outdir)
    need(verify(job, outdir) == DONE, "verify finds a difference")
    job.check_anytime(outdir)
    for other in jobs:
        if other is not job:
            before = tree(outdir)
            need(other.command.run(other.run_arguments(outdir)).code == USAGE, "the other run is not refused")
            need(tree(outdir) == before, "the other run was refused, and has changed something")
    job.rerun(outdir)


def foreign(folder, attack, jobs, how, stopped, seed):
    """Another run comes into the path of one that is at work, or stopped meanwhile."""
    rng, outdir = random.Random(seed), os.path.join(folder, "out")
    first, second = rng.sample(jobs, 2)
    process = first.command.start(first.run_arguments(outdir))
    wait_until_amid(attack, first, process, outdir, rng)
    if stopped:
        stop(process.pid)
    try:
        vanish(outdir, how)
        finish(second, second.command.start(second.run_arguments(outdir)), (DONE, USAGE, OUTPUT), "the second run")
    finally:
        process.send_signal(signal.SIGCONT)
    finish(first, process, (DONE, USAGE, OUTPUT), "the first run")
    settle(jobs, outdir)


def change_one(folder, rng):
    """Another content of one input, of more, less or as many bytes, in its place or as a new file."""
    path = os.path.join(folder, rng.choice(sorted(name for name in os.listdir(folder) if not name.endswith(".zst"))))
    lines = read(path).splitlines(keepends=True)
    how = rng.choice(("grown", "cut", "turned"))
    data = b"".join({"grown": lines + lines[:20], "cut": lines[:rng.randrange(len(lines))], "turned": lines[::-1]}[how])
    time.sleep(TICK)
    if rng.random() < 0.5:
        write(path, data)
    else:
        write(path + "~", data)
        os.rename(path + "~", path)
    time.sleep(TICK)


def check_changed(folder, job, outdir, inputs):
    """What verify takes for right is what a fresh run makes, and so is all behind a run that redoes what changed."""
    options = job.arguments[2:]
    fresh = os.path.join(folder, "fresh")

    def made(arguments, into):
        result = job.command.run(["run", MODEL, inputs, "-o", into, "-t", "2", "--quiet"] + arguments)
        need(result.code == DONE, "exit %d: %s" % (result.code, result.err.strip()))

    def outputs(of):
        return {path: data for path, data in tree(of).items() if "/" not in path and data is not None and path in job.outputs}

    made(options, fresh)
    wanted = outputs(fresh)
    if verify(job, outdir) == DONE:
        for path, data in outputs(outdir).items():
            need(data == wanted[path], "verify finds nothing, and %s is of other inputs" % path)
    made(options + ["--on-changed", "redo"], outdir)
    need(outputs(outdir) == wanted, "what changed was not done again")
    need(verify(job, outdir) == DONE, "verify finds a difference")


def inputs_change(folder, attack, job, stopped, seed):
    """Under a run; stopped: and another one takes over meanwhile, and redoes what changed."""
    rng, outdir, inputs = random.Random(seed), os.path.join(folder, "out"), os.path.join(folder, "in")
    shutil.copytree(job.arguments[1], inputs)
    arguments = ["run", MODEL, inputs, "-o", outdir, "-t", "2", "--quiet"] + job.arguments[2:]
    process = job.command.start(arguments)
    wait_until_amid(attack, job, process, outdir, rng)
    if stopped:
        stop(process.pid)
    try:
        for _ in range(rng.choice((1, 1, 2))):
            change_one(inputs, rng)
        if stopped:
            finish(job, job.command.start(arguments + ["--on-changed", "redo"]), (DONE, FAILED), "the second run")
    finally:
        process.send_signal(signal.SIGCONT)
    finish(job, process, (DONE, FAILED), "the run")
    check_changed(folder, job, outdir, inputs)


def stopped_copy(folder, attack, job, seed):
    """A process is stopped, another copy does all of its work, and it goes on."""
    rng, outdir = random.Random(seed), os.path.join(folder, "out")
    process = job.command.start(job.run_arguments(outdir))
    wait_until_amid(attack, job, process, outdir, rng)
    stop(process.pid)
    try:
        finish(job, job.command.start(job.run_arguments(outdir)), (DONE,), "the second copy")
        job.check_finished(outdir, leftovers=True)
    finally:
        process.send_signal(signal.SIGCONT)
    finish(job, process, (DONE,), "the copy that was stopped")
    job.check_finished(outdir)


class Namespace:
    """A command that is started in a pid namespace of its own."""

    def __init__(self, words, command):
        self.words, self.command = words, command

    def start(self, arguments):
        """The process that was started, and the number of the one in the namespace."""
        process = subprocess.Popen(self.words + [self.command.grus] + arguments, env=self.command.environment,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.state = os.devnull + "-none"
        children, ends = "", time.monotonic() + LIMIT
        while process.poll() is None and not children and time.monotonic() < ends:
            try:
                children = read("/proc/%d/task/%d/children" % (process.pid, process.pid)).decode()
            except OSError:
                pass
        return process, int(children.split()[0]) if children else None


def find_namespace(command):
    for words in NAMESPACES:
        try:
            if subprocess.run(words + [command.grus, "--version"], env=command.environment, capture_output=True).returncode == 0:
                return Namespace(words, command)
        except OSError:
            pass
    return None


def send(child, number):
    try:
        if child:
            os.kill(child, number)
    except ProcessLookupError:
        pass  # it has ended


def other_namespace(folder, attack, job, namespace, killed, seed):
    """A process of another namespace, stopped or killed, and one of ours: of a process whose number means nothing here no
    file is removed, and what it left is no harm."""
    rng, outdir = random.Random(seed), os.path.join(folder, "out")
    process, child = namespace.start(job.run_arguments(outdir))
    wait_until_amid(attack, job, process, outdir, rng)
    try:
        if killed:
            send(child, signal.SIGKILL)
            process.wait(LIMIT)
        elif child:
            stop(child)
        theirs = partial_of(outdir)
        finish(job, job.command.start(job.run_arguments(outdir)), (DONE,), "the process of this namespace")
        if child and (killed or process.poll() is None):
            need(set(theirs) <= set(partial_of(outdir)), "files of the other namespace are gone")
        job.check_finished(outdir, leftovers=True)
    finally:
        send(child, signal.SIGCONT)
    if killed:
        process.communicate()  # of unshare, whose own exit code means nothing then
    else:
        finish(job, process, (DONE,), "the process of the other namespace")
    job.check_finished(outdir, leftovers=killed)


def make_jobs(command, root):
    """Two runs, with other contents and options; the inputs of the second have names of some of the first's."""
    jobs = []
    for name, shards, records, options in (("first", 6, 200, OPTIONS), ("second", 3, 250, ["--attention", "soft", "--beam-size", "2"])):
        inputs = os.path.join(root, name + "-in")
        make_shards(inputs, shards, records)
        jobs.append(Job(command, root, name, MODEL, [inputs], options))
    return jobs


def cases(attack, jobs, namespace, rng):
    """One of each kind."""
    seed = rng.randrange(1 << 30)
    for how in VANISHED:
        yield "OUTDIR is %s" % how, "%s seed %d" % (how, seed), vanishes, attack, jobs[0], how, seed
    for stopped in (False, True):
        how = rng.choice(VANISHED[:4])
        yield ("another run comes in%s" % (", the first is stopped meanwhile" if stopped else ""),
               "foreign %s stopped=%d seed %d" % (how, stopped, seed), foreign, attack, jobs, how, stopped, seed)
        yield ("inputs change%s" % (", another process takes over" if stopped else ""),
               "inputs stopped=%d seed %d" % (stopped, seed), inputs_change, attack, jobs[0], stopped, seed)
    yield "stopped, and continued when all is done", "stopped seed %d" % seed, stopped_copy, attack, jobs[0], seed
    for killed in (False, True) if namespace else ():
        yield ("%s in another pid namespace" % ("killed" if killed else "stopped"),
               "namespace killed=%d seed %d" % (killed, seed), other_namespace, attack, jobs[0], namespace, killed, seed)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--count", type=int, default=50, help="of each kind [50]")
    options = parser.parse_args()
    attack, rng = Attack("takeover", options), random.Random(options.seed)
    print("takeover: seed %d" % options.seed, flush=True)
    try:
        command = Command(attack.root)
        jobs = make_jobs(command, attack.root)
        namespace = find_namespace(command)
        if not namespace:
            print("no pid namespace can be made here (unshare): what is of others is skipped")
        attack.each(case for _ in range(options.count) for case in cases(attack, jobs, namespace, rng))
    finally:
        code = attack.finish()
    return code


if __name__ == "__main__":
    sys.exit(main())
