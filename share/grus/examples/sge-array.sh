#!/bin/bash
# A job array of (Son of) Grid Engine.
#
#   qsub sge-array.sh MODEL INPUT OUTDIR
#$ -N grus
#$ -t 1-6
#$ -pe smp 2
#$ -l h_rt=04:00:00
#$ -cwd
#$ -r y
set -euo pipefail
exec grus run "$1" "$2" -o "$3" --threads "${NSLOTS:-1}" --progress never
