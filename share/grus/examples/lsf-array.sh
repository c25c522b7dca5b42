#!/bin/bash
# A job array of LSF.
#
#   MODEL=model INPUT=shards OUT=out bsub < lsf-array.sh
#BSUB -J grus[1-6]
#BSUB -n 2
#BSUB -R span[hosts=1]
#BSUB -W 4:00
#BSUB -r
set -euo pipefail
exec grus run "$MODEL" "$INPUT" -o "$OUT" --threads 2 --progress never
