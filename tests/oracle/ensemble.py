"""Several models as one, for search.py and task.py: a log-probability is the mean over the members of their log_softmax, a
weight of attention the mean of theirs. The first has the texts and the settings."""
import torch

from model import Model


class Several:
    """What each member made of the same sequences."""

    def __init__(self, each):
        self.each, self.lengths, self.outputs = each, each[0].lengths, each[0].outputs


class Ensemble:
    def __init__(self, members):
        self.members, first = members, members[0]
        self.config, self.features, self.directory = first.config, first.features, first.directory
        self.target, self.bos, self.eos, self.unk, self.suppressed = first.target, first.bos, first.eos, first.unk, first.suppressed
        self.source_ids = first.source_ids
        if any(reads(member) != reads(first) for member in members):
            raise ValueError("members have other texts than the first")

    def share(self, name, value):
        for member in self.members:
            setattr(member, name, value)

    folds = property(lambda self: self.members[0].folds, lambda self, value: self.share("folds", value))
    by_head = property(lambda self: False, lambda self, value: self.share("by_head", value))
    rounding = property(lambda self: self.members[0].rounding, lambda self, value: self.share("rounding", value))

    def encode(self, sequences):
        each = [member.encode(sequences) for member in self.members]
        if any(enc.lengths.tolist() != each[0].lengths.tolist() for enc in each):
            raise ValueError("members make different positions of a source")
        return Several(each)

    def start(self, enc):
        return [member.start(one) for member, one in zip(self.members, enc.each)]

    def step(self, enc, previous, state):
        steps = [member.step(one, previous, own) for member, one, own in zip(self.members, enc.each, state)]
        logps, weights, states = zip(*steps)
        attends = all(rows.shape == weights[0].shape for rows in weights)
        return mean(logps), mean(weights) if attends else weights[0], list(states)

    def select(self, state, origin):
        return [member.select(own, origin) for member, own in zip(self.members, state)]

    def reweigh(self, change):
        """As Model.reweigh: the mean of the members' log-probabilities whose logits were changed."""
        return mean([member.reweigh(change) for member in self.members])


def reads(model):
    """What all members have in common."""
    source, target = model.config["source"], model.config["decoder"]["tokenizer"]
    cut = {key: value for key, value in source.get("tokenizer", {}).items() if value}       # null: as if it were absent
    return cut, source.get("feature_dim"), target, model.bos, model.eos


def mean(each):
    """In double, as sums are; rounded once."""
    return torch.stack([x.double() for x in each]).mean(0).to(each[0].dtype)


def again(net, dtype):
    """The same in another precision."""
    if isinstance(net, Ensemble):
        return Ensemble([again(member, dtype) for member in net.members])
    return Model.load(net.directory, dtype)
