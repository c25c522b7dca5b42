// launcher_table.c: one row a launcher. The names are those of each one's own documentation.
#include "config.h"

#include "cli/launcher_table.h"

const char *const grus_launcher_words[] = {
    "auto", "none", "openmpi", "pmi", "slurm", "pmix", "torchrun", "kubernetes", "pbs", "sge", "lsf", "aws", NULL,
};

const grus_launcher grus_launchers[] = {
    {.rank = "OMPI_COMM_WORLD_RANK", .sizes = {"OMPI_COMM_WORLD_SIZE"}},
    {.rank = "PMI_RANK", .sizes = {"PMI_SIZE"}},
    // SLURM_NTASKS may be that of the whole job, in a shell that salloc has given.
    {.rank = "SLURM_PROCID",
     .sizes = {"SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"},
     .within = "SLURM_STEP_ID",
     .terminal = "SLURM_PTY_PORT",
     .id = "SLURM_ARRAY_TASK_ID",
     .first = "SLURM_ARRAY_TASK_MIN",
     .step = "SLURM_ARRAY_TASK_STEP",
     .count = "SLURM_ARRAY_TASK_COUNT",
     .empty = "4294967294"}, // NO_VAL of slurm.h
    {.rank = "PMIX_RANK"},
    {.rank = "RANK", .sizes = {"WORLD_SIZE"}, .only_when_asked = true},
    {.rank = "JOB_COMPLETION_INDEX"},
    {.rank = "PBS_ARRAY_INDEX"},
    {.id = "SGE_TASK_ID",
     .first = "SGE_TASK_FIRST",
     .step = "SGE_TASK_STEPSIZE",
     .last = "SGE_TASK_LAST",
     .least = 1,
     .no_array = "undefined"},
    {.id = "LSB_JOBINDEX", .step = "LSB_JOBINDEX_STEP", .last = "LSB_JOBINDEX_END", .least = 1, .no_array = "0"},
    {.rank = "AWS_BATCH_JOB_ARRAY_INDEX"},
};
const size_t grus_n_launchers = sizeof grus_launchers / sizeof *grus_launchers;

_Static_assert(sizeof grus_launcher_words / sizeof *grus_launcher_words ==
                   GRUS_LAUNCHER_FIRST + sizeof grus_launchers / sizeof *grus_launchers + 1,
               "a word for each row");
