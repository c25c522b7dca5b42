#!/usr/bin/env python3
"""Makes the demo shard of models/multi30k-en-de: captions out of a small grammar, as JSONL records {"id": n, "text": caption},
zstd-compressed. The captions are as the model takes them: lower-case, tokens with spaces between them.

The grammar below is this project's own and uses no sentence of any corpus. The same seed always gives the same shard.

    make_demo_captions.py models/multi30k-en-de/demo.jsonl.zst
"""
import argparse
import json
import random
import re
import subprocess

# A symbol in capitals is replaced by one of its alternatives; of those with a number behind | it is the weight.
GRAMMAR = {
    "CAPTION": ["SCENE .|8", "SCENE while SCENE .|2", "SCENE , and SCENE .", "there PLACED PLACE .|2"],
    "SCENE": ["ONE DOES|6", "ONE DOES PLACE|8", "MANY DO|3", "MANY DO PLACE|4", "ANIMAL RUNS PLACE|3"],
    "PLACED": ["is ONE", "are MANY", "is ANIMAL"],
    "ONE": ["a PERSON|5", "a AGE PERSON|4", "a PERSON in CLOTHES|4", "a AGE PERSON with LOOK|2", "a WORKER|2",
            "a PERSON wearing CLOTHES|3"],
    "MANY": ["NUMBER PEOPLE|4", "NUMBER AGE PEOPLE|2", "a group of PEOPLE|3", "several PEOPLE|2", "NUMBER PEOPLE in CLOTHES|2",
             "a man and a woman|2", "a mother and her child"],
    "PERSON": ["man|4", "woman|4", "boy|3", "girl|3", "child", "person", "teenager", "lady", "toddler"],
    "PEOPLE": ["men|3", "women|3", "people|4", "children|3", "boys|2", "girls|2", "friends", "workers", "tourists"],
    "WORKER": ["street musician", "fisherman", "construction worker", "police officer", "waiter", "chef", "farmer", "painter",
               "basketball player", "soccer player", "cyclist", "climber"],
    "AGE": ["young|4", "old|2", "little|2", "elderly", "smiling", "tired", "tall"],
    "NUMBER": ["two|4", "three|3", "four|2", "five", "some|2"],
    "LOOK": ["a beard", "glasses", "short hair", "long HAIR hair", "a hat", "a backpack", "a COLOUR umbrella"],
    "CLOTHES": ["a COLOUR shirt|4", "a COLOUR jacket|3", "a COLOUR dress", "COLOUR pants", "a COLOUR hat|2", "a COLOUR coat",
                "a uniform", "a COLOUR and COLOUR shirt", "winter clothes"],
    "COLOUR": ["red|3", "blue|4", "green|2", "yellow|2", "black|3", "white|3", "brown", "orange", "purple", "gray"],
    "FUR": ["black", "brown", "gray", "tan", "light brown"],
    "HAIR": ["black", "brown", "blond", "red", "gray"],
    "DOES": ["is sitting", "is standing", "is walking", "is riding a VEHICLE|2", "is holding a THING|2", "is playing INSTRUMENT|2",
             "is looking at a THING|2", "is eating FOOD", "is cooking FOOD", "is reading a book", "is talking on the phone",
             "is taking a picture of ANIMAL", "is jumping over a OBSTACLE", "is carrying a COLOUR THING|2", "is throwing a ball",
             "sleeps", "is running", "smiles at the camera", "is painting a picture", "is climbing a rock", "is playing with ANIMAL"],
    "DO": ["are sitting", "are standing", "are walking", "are playing GAME|2", "are dancing", "are eating FOOD",
           "are talking", "are looking at a THING|2", "are riding bicycles", "are waiting for a bus", "are playing INSTRUMENT",
           "are laughing", "are working", "are carrying a THING", "are watching ANIMAL"],
    "RUNS": ["is running", "is sleeping", "is swimming", "is jumping over a OBSTACLE", "is chasing ANIMAL", "is playing with a THING",
             "is standing"],
    "ANIMAL": ["a dog|4", "a FUR dog|3", "a FUR and white dog", "a cat", "a horse|2", "a bird", "two dogs|2", "a small dog"],
    "VEHICLE": ["bicycle|3", "horse", "motorcycle|2", "skateboard|2", "COLOUR bike|2", "scooter", "bus"],
    "THING": ["ball|2", "book|2", "camera|2", "guitar", "bag|2", "newspaper", "box", "flag", "sign|2", "computer", "stick", "cup",
              "toy|2", "map", "balloon"],
    "INSTRUMENT": ["the guitar|3", "the piano", "the drums", "the violin", "a musical instrument"],
    "FOOD": ["ice cream", "a sandwich", "lunch", "an apple", "pizza", "dinner", "a meal", "food"],
    "OBSTACLE": ["fence", "log", "hurdle", "wall", "puddle"],
    "GAME": ["soccer|2", "basketball|2", "volleyball", "cards", "a video game", "chess", "in the water"],
    "PLACE": ["on the beach|3", "in the park|4", "on a bench|3", "in front of a BUILDING|3", "in the snow|2", "at a table|2",
              "on the street|4", "in the grass|2", "near a lake|2", "in a kitchen", "on a bridge", "at night", "in the rain",
              "next to a COLOUR car|2", "under a tree|2", "in a market", "on a boat", "through the forest", "outside"],
    "BUILDING": ["house|2", "store|2", "large building", "church", "school", "restaurant|2", "COLOUR wall"],
}


def write(symbol, draw):
    """One text for the symbol."""
    rules = [rule.split("|") for rule in GRAMMAR[symbol]]
    chosen, = draw.choices(rules, [int(rule[1]) if len(rule) > 1 else 1 for rule in rules])
    return " ".join(write(word, draw) if word in GRAMMAR else word for word in chosen[0].split(" "))


def caption(draw):
    return re.sub(r"\ba(?= [aeio])", "an", write("CAPTION", draw))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out", help=".jsonl.zst to write")
    p.add_argument("--count", type=int, default=8000)
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    draw, texts = random.Random(a.seed), {}
    while len(texts) < a.count:
        texts[caption(draw)] = None                     # each once, in order
    body = "".join(json.dumps({"id": n, "text": t}) + "\n" for n, t in enumerate(texts, 1))
    subprocess.run(["zstd", "-qf", "--ultra", "-19", "--check", "-o", a.out], input=body.encode(), check=True)
    print(f"{a.out}: {len(texts)} captions, {len(body)} bytes before compression")


if __name__ == "__main__":
    main()
