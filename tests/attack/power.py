"""What a disk may hold after the power went: a model of files and directories, made again from the shim's log.

The rule is POSIX's: of a file, what fsync brought to the disk is there, and of all that was written since, any part; of a
directory, the names that were in it at its last fsync, and of the names that came and went since, any.
"""
import os

from common import read, write


class File:
    def __init__(self):
        self.data, self.synced = bytearray(), bytearray()

    def survivor(self, mode, rng):
        """Its content afterwards: what was synced, and of the rest nothing, zeros, or anything."""
        if self.data == self.synced or mode == "nothing" or mode == "names":
            return bytes(self.synced)
        zeros = bytearray(len(self.data))
        zeros[:min(len(self.synced), len(zeros))] = self.synced[:len(zeros)]
        if mode == "zeros":
            return bytes(zeros)
        choice = rng.randrange(4)
        if choice == 0:
            return bytes(self.synced)
        if choice == 1:
            return bytes(self.data[:rng.randint(min(len(self.synced), len(self.data)), len(self.data))])
        if choice == 2:
            for at in range(0, len(zeros), 512):  # sector by sector
                if rng.randrange(2):
                    zeros[at:at + 512] = self.data[at:at + 512]
            return bytes(zeros)
        return bytes(self.data)


class Folder:
    def __init__(self):
        self.names, self.synced, self.since = {}, {}, []

    def put(self, name, node):
        self.names[name] = node
        self.since.append((name, node))

    def take(self, name):
        self.since.append((name, None))
        return self.names.pop(name)

    def survivor(self, mode, rng):
        if mode == "nothing":
            return self.synced
        if mode == "random":
            names = dict(self.synced)
            for name, node in self.since:
                if rng.randrange(2):
                    names[name] = node
            return {name: node for name, node in names.items() if node is not None}
        return self.names


class Disk:
    """A directory, empty and on the disk at first, and all below it."""

    def __init__(self, root):
        self.root, self.top, self.inodes = root, Folder(), {}
        self.inodes[os.stat(root).st_ino] = self.top

    def find(self, path):
        """The folder and the last part of a path; None outside of root."""
        if not path.startswith(self.root + "/"):
            return None, None
        folder, parts = self.top, path[len(self.root) + 1:].split("/")
        for part in parts[:-1]:
            folder = folder.names[part]
        return folder, parts[-1]

    def apply(self, event):
        operation, inode, number, a, b, data = event
        folder, name = self.find(a) if a else (None, None)
        if operation in ("create", "mkdir"):
            if folder:
                self.inodes[inode] = File() if operation == "create" else Folder()
                folder.put(name, self.inodes[inode])
        elif operation in ("rename", "link"):
            to, new = self.find(b)
            if folder and to:
                node = folder.names[name]
                to.put(new, node)
                if operation == "rename":
                    folder.take(name)
        elif operation == "unlink":
            if folder and name in folder.names:
                folder.take(name)
        elif inode in self.inodes:
            node = self.inodes[inode]
            if operation == "write":
                node.data.extend(bytes(max(0, number - len(node.data))))
                node.data[number:number + len(data)] = data
            elif operation == "truncate":
                del node.data[number:]
                node.data.extend(bytes(number - len(node.data)))
            elif operation == "sync" and isinstance(node, File):
                node.synced = bytearray(node.data)
            elif operation == "sync":
                node.synced, node.since = dict(node.names), []

    def survive(self, where, mode, rng):
        """Makes below where what is there afterwards. mode: "nothing" that was not synced; "names": all names, and no
        bytes; "zeros": all names and sizes; "random"."""
        def make(folder, path):
            for name, node in sorted(folder.survivor(mode, rng).items()):
                below = os.path.join(path, name)
                if isinstance(node, Folder):
                    os.mkdir(below)
                    make(node, below)
                else:
                    write(below, node.survivor(mode, rng))
        make(self.top, where)


def read_log(path):
    """The events of a log of shim.c's log_change."""
    data, at, events = read(path), 0, []
    while at < len(data):
        end = data.index(b"\n", at)
        operation, inode, number, a, b, size = data[at:end].split()
        a, b, size = int(a), int(b), int(size)
        at = end + 1
        events.append((operation.decode(), int(inode), int(number), data[at:at + a].decode(),
                       data[at + a:at + a + b].decode(), data[at + a + b:at + a + b + size]))
        at += a + b + size + 1
    return events
