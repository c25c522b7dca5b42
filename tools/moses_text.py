#!/usr/bin/python3
"""Prepares raw English or German sentences the way of the Moses scripts: punctuation normalised, tokenised, lower-cased.

The rules are those that normalize-punctuation.perl and tokenizer.perl -no-escape publish, for these two languages.

    moses_text.py --lang en < captions.txt > captions.jsonl     one {"text": …} a line
    moses_text.py --lang de --format txt < captions.txt         one sentence a line
"""
import argparse
import json
import re
import sys
import unicodedata

# Words that a full stop may follow inside a sentence; those of the second list only before a number.
PREFIXES = {
    "en": ("Adj Adm Adv Asst Bart Bldg Brig Bros Capt Cmdr Col Comdr Con Corp Cpl DR Dr Drs Ens Gen Gov Hon Hr Hosp Insp Lt MM MR "
           "MRS MS Maj Messrs Mlle Mme Mr Mrs Ms Msgr Op Ord Pfc Ph Prof Pvt Rep Reps Res Rev Rt Sen Sens Sfc Sgt Sr St Supt Surg "
           "v vs i.e rev e.g Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec "
           "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z", "No Nos Art Nr pp"),
    "de": ("A B C D E F G H I J K L M N O P Q R S T U V W X Y Z a b c d e f g h i j k l m n o p q r s t u v w x y z "
           "Adj Adm Adv Asst Bart Bldg Brig Bros Capt Cmdr Col Comdr Con Corp Cpl DR Dr Ens Gen Gov Hon Hosp Insp Lt MM MR MRS MS Maj "
           "Messrs Mlle Mme Mr Mrs Ms Msgr Op Ord Pfc Ph Prof Pvt Rep Reps Res Rev Rt Sen Sens Sfc Sgt Sr St Supt Surg Mio Mrd bzw "
           "usf u.a u.s.w usw d.h Dr.h.c Dipl Ing ca z.B u.U bspw Nr Str Hr Fr Prof Hrsg inkl evtl ggf gem etc Ges a.D a.M e.V i.A "
           "i.d.R u.ä vgl i ii iii iv v vi vii viii ix x xi xii xiii xiv xv xvi xvii xviii xix xx "
           "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31", "No Nos Art pp"),
}

NORMALISE = [(r"\r", ""), (r"\(", " ("), (r"\)", ") "), (r" +", " "), (r"\) ([.!:?;,])", r")\1"), (r"\( ", "("), (r" \)", ")"),
             (r"(\d) %", r"\1%"), (r" :", ":"), (r" ;", ";"), (r"`", "'"), (r"''", ' " '), (r"[„“”]", '"'), (r"–", "-"),
             (r"—", " - "), (r" +", " "), (r"´´", '"'), (r"[´‘’‚]", "'"), (r"''", '"'), (r"…", "..."),
             (r" « |« |«", '"'), (r" » ", '" '), (r" »|»", '"'),
             (r"\u00a0%", "%"), (r"nº\u00a0", "nº "), (r"\u00a0([:?!;])", r"\1"), (r"\u00a0(ºC|cm)", r" \1"), (r",\u00a0", ", "),
             (r" +", " ")]
QUOTES = {"en": [(r'"([,.]+)', r'\1"'), (r"(\d)\u00a0(\d)", r"\1.\2")],
          "de": [(r',"', '",'), (r'(\.+)"(\s*[^<]|$)', r'"\1\2'), (r"(\d)\u00a0(\d)", r"\1,\2")]}

ALPHA, NUMBER = r"[^\W\d_]", r"\d"
COMMAS = [(rf"([^{NUMBER}]),", r"\1 , "), (rf",([^{NUMBER}])", r" , \1"), (rf"({NUMBER}),$", r"\1 , ")]
APOSTROPHES = {"en": [(rf"(?<!{ALPHA})(?<=.)'(?!{ALPHA})(?=.)", " ' "), (rf"(?<![\w])(?<=.)'(?={ALPHA})", " ' "),
                      (rf"(?<={ALPHA})'(?!{ALPHA})(?=.)", " ' "), (rf"(?<={ALPHA})'(?={ALPHA})", " '"),
                      (rf"(?<={NUMBER})'(?=s)", " '")],
               "de": [(r"'", " ' ")]}


def compiled(rules):
    return [(re.compile(pattern), to) for pattern, to in rules]


NORMALISE, COMMAS = compiled(NORMALISE), compiled(COMMAS)
QUOTES = {k: compiled(v) for k, v in QUOTES.items()}
APOSTROPHES = {k: compiled(v) for k, v in APOSTROPHES.items()}
SPECIAL = re.compile(r"([^\w\s.'`,\-]|_)")
PREFIX_SETS = {k: tuple(set(words.split()) for words in v) for k, v in PREFIXES.items()}


def apply(rules, text):
    for pattern, to in rules:
        text = pattern.sub(to, text)
    return text


def normalise(text, lang):
    return apply(QUOTES[lang], apply(NORMALISE, text))


def split_stops(words, lang):
    """Cuts the full stop off the words that it ends, unless it belongs to them."""
    always, numeric = PREFIX_SETS[lang]
    out = []
    for i, word in enumerate(words):
        stem, after = word[:-1], words[i + 1] if i + 1 < len(words) else ""
        if len(word) < 2 or not word.endswith("."):
            out.append(word)
        elif ("." in stem and re.search(ALPHA, stem)) or stem in always or (after and after[0].islower()) \
                or (stem in numeric and after[:1].isdigit()):
            out.append(word)
        else:
            out += [stem, "."]
    return out


def tokenise(text, lang):
    text = SPECIAL.sub(r" \1 ", " " + " ".join(text.split()) + " ")
    text = re.sub(r"\.(\.+)", lambda m: " \x00" + "\x01" * len(m.group(1)) + " ", text)   # a row of stops is one token
    text = apply(APOSTROPHES[lang], apply(COMMAS, text))
    text = " ".join(split_stops(text.split(), lang))
    text = re.sub(r"\.' ?$", " . ' ", text)
    return " ".join(text.replace("\x00", ".").replace("\x01", ".").split())


def prepare(text, lang):
    """Raw sentence (a newline behind it does not matter) -> tokens with spaces between them, lower-case."""
    return tokenise(normalise(unicodedata.normalize("NFC", text.rstrip("\n")), lang), lang).lower()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--lang", choices=sorted(PREFIXES), required=True)
    p.add_argument("--format", choices=("jsonl", "txt"), default="jsonl")
    a = p.parse_args()
    sys.stdin.reconfigure(encoding="utf-8", newline="\n")
    sys.stdout.reconfigure(encoding="utf-8")
    for line in sys.stdin:
        text = prepare(line, a.lang)
        print(text if a.format == "txt" else json.dumps({"text": text}, ensure_ascii=False))


if __name__ == "__main__":
    main()
