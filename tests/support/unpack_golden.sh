#!/usr/bin/env bash
# unpack_golden.sh FOLDER CASE...: unpacks golden cases (paths of .case files) into folders FOLDER/NAME, each with model/,
# input.jsonl, options and expected.jsonl. What a case file is stands in tests/golden/README.md.
set -eu
folder=$1
shift
for case; do
    name=$(basename "$case" .case)
    mkdir -p "$folder/$name/model"
    LC_ALL=C awk -v out="$folder/$name" '
        /^==> [^ ]+ <==$/ {
            if (file != "") close(file)
            file = out "/" ($2 ~ /^(options|input\.jsonl|expected\.jsonl)$/ ? "" : "model/") $2
            printf "" >file
            next
        }
        /^==> [^ ]+ = [^ ]+ <==$/ { print $2, $4; next }
        { print >file }' "$case" |
        while read -r copy original; do
            cp "$(dirname "$case")/$original" "$folder/$name/model/$copy"
        done
    cp "${case%.case}.safetensors" "$folder/$name/model/model.safetensors"
done
