#!/bin/bash
# A job array of PBS from 0; PBS does not tell how many elements there are, so the script does.
#
#   qsub -v MODEL=model,INPUT=shards,OUT=out pbs-array.sh
#PBS -N grus
#PBS -J 0-5
#PBS -l select=1:ncpus=2:mem=4gb
#PBS -l walltime=04:00:00
#PBS -r y
set -euo pipefail
cd "$PBS_O_WORKDIR"
exec grus run "$MODEL" "$INPUT" -o "$OUT" --launcher pbs --world-size 6 --threads 2 --progress never
