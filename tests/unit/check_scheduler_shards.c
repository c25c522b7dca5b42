// check_scheduler_shards.c: what is found in the file system: the listing and division of shards, and the CPUs that a
// cgroup allows.
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scheduler/cpus.h"
#include "scheduler/inputs.h"
#include "tests/unit/check_scheduler.h"

// ---- shards ----

static char folder[128];

static void make_folder(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/grus-check-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
    char command[160];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

// The path of name in the folder, one of a few static texts.
static const char *path_of(const char *name)
{
    static char paths[8][256];
    static size_t next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void put_file(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static grus_status list_of(grus_shards *shards, const char *one, const char *other, grus_error *error)
{
    const char *inputs[] = {one, other};
    *shards = (grus_shards){0};
    return grus_inputs_list(shards, &(grus_inputs){.list = inputs, .n = other ? 2 : 1}, error);
}

START_TEST(directory_is_its_shards_in_byte_order)
{
    grus_shards shards;
    grus_error error;
    put_file("b.jsonl", "12345");
    put_file("B.txt.zst", "");
    put_file("a.tsv", "");
    put_file("a2.safetensors.zst", "");
    put_file(".hidden.jsonl", "");
    put_file("notes.md", "");
    put_file("plain", "");
    ck_assert_int_eq(list_of(&shards, folder, "-", &error), GRUS_OK);
    const char *const names[] = {"B.txt.zst", "a.tsv", "a2.safetensors.zst", "b.jsonl", "-"};
    const char *const stems[] = {"B", "a", "a2", "b", "stdin"};
    ck_assert_uint_eq(shards.n, 5);
    for (size_t i = 0; i < shards.n; i++) {
        ck_assert_str_eq(shards.list[i].name, names[i]);
        ck_assert_str_eq(shards.list[i].stem, stems[i]);
        ck_assert_ptr_null(shards.list[i].fault);
    }
    ck_assert_int_eq(shards.list[0].kind, GRUS_SHARD_TXT);
    ck_assert_uint_eq(shards.list[3].bytes, 5);
    ck_assert(grus_shard_is_stdin(&shards.list[4]));
    ck_assert_int_eq(grus_shards_others(&shards, &error), GRUS_E_USAGE);
    ck_assert_str_eq(error.cause, "3 files are no shards by their names: .hidden.jsonl, notes.md, plain");
    grus_shards_free(&shards);
}
END_TEST

START_TEST(others_are_named)
{
    grus_shards shards;
    grus_error error;
    put_file("a.jsonl", "");
    ck_assert_int_eq(list_of(&shards, folder, NULL, &error), GRUS_OK);
    ck_assert_int_eq(grus_shards_others(&shards, &error), GRUS_OK);
    grus_shards_free(&shards);
    put_file("b.csv", "");
    ck_assert_int_eq(list_of(&shards, folder, NULL, &error), GRUS_OK);
    ck_assert_int_eq(grus_shards_others(&shards, &error), GRUS_E_USAGE);
    ck_assert_str_eq(error.cause, "1 file is no shard by its name: b.csv");
    grus_shards_free(&shards);
    // The first of many, whatever order the directory has them in.
    for (char name[] = "z.gz"; name[0] >= 'c'; name[0]--)
        put_file(name, "");
    ck_assert_int_eq(mkdir(path_of("inner"), 0700), 0);
    put_file("report.json", "");
    ck_assert_int_eq(list_of(&shards, folder, NULL, &error), GRUS_OK);
    ck_assert_int_eq(grus_shards_others(&shards, &error), GRUS_E_USAGE);
    ck_assert_str_eq(error.cause, "26 files are no shards by their names: b.csv, c.gz, d.gz, e.gz, f.gz, …");
    grus_shards_free(&shards);
    // The output of a run, which has reports and .grus: nothing proves that a.jsonl is whole.
    ck_assert_int_eq(mkdir(path_of(".grus"), 0700), 0);
    put_file("report-12.json", "");
    ck_assert_int_eq(list_of(&shards, folder, NULL, &error), GRUS_E_INPUT);
    ck_assert_int_eq(grus_shards_others(&shards, &error), GRUS_E_USAGE);
    ck_assert_str_eq(error.cause,
                     "27 files are no shards by their names: a.jsonl (no manifest), b.csv, c.gz, d.gz, e.gz, …");
    grus_shards_free(&shards);
}
END_TEST

START_TEST(equal_stems_are_refused)
{
    grus_shards shards;
    grus_error error;
    put_file("a.jsonl", "");
    put_file("a.txt.zst", "");
    ck_assert_int_eq(list_of(&shards, path_of("a.jsonl"), path_of("a.txt.zst"), &error), GRUS_E_USAGE);
    grus_shards_free(&shards);
    ck_assert_int_eq(list_of(&shards, path_of("a.jsonl"), path_of("a.jsonl"), &error), GRUS_E_USAGE);
    grus_shards_free(&shards);
    ck_assert_int_eq(list_of(&shards, "-", "-", &error), GRUS_E_USAGE);
    grus_shards_free(&shards);
}
END_TEST

START_TEST(what_cannot_be_opened_is_told)
{
    grus_shards shards;
    grus_error error;
    put_file("a.jsonl", "");
    put_file("a.csv", "");
    ck_assert_int_eq(mkdir(path_of("dir.jsonl"), 0700), 0);
    ck_assert_int_eq(mkdir(path_of("inner"), 0700), 0);
    ck_assert_int_eq(mkdir(path_of("inner/x.jsonl"), 0700), 0);

    // One of two: it keeps its place.
    ck_assert_int_eq(list_of(&shards, path_of("missing.jsonl"), path_of("a.jsonl"), &error), GRUS_OK);
    ck_assert_uint_eq(shards.n, 2);
    ck_assert_ptr_nonnull(shards.list[0].fault);
    ck_assert_ptr_null(shards.list[1].fault);
    ck_assert_int_eq(grus_shard_fault(&shards.list[0], &error), GRUS_E_INPUT);
    ck_assert_str_eq(error.file, path_of("missing.jsonl"));
    grus_shards_free(&shards);
    // All of them: exit code 4.
    ck_assert_int_eq(list_of(&shards, path_of("missing.jsonl"), NULL, &error), GRUS_E_INPUT);
    grus_shards_free(&shards);
    ck_assert_int_eq(list_of(&shards, path_of("missing.jsonl"), path_of("nowhere"), &error), GRUS_E_INPUT);
    ck_assert_ptr_nonnull(strstr(error.file, "missing.jsonl"));
    ck_assert_ptr_nonnull(strstr(error.cause, strerror(ENOENT)));
    ck_assert_ptr_nonnull(strstr(error.cause, "none of the 2 inputs"));
    grus_shards_free(&shards);
    ck_assert_int_eq(list_of(&shards, path_of("dir.jsonl"), NULL, &error), GRUS_E_INPUT);
    grus_shards_free(&shards);
    ck_assert_int_eq(list_of(&shards, path_of("inner"), NULL, &error), GRUS_E_INPUT);
    ck_assert_str_eq(error.file, path_of("inner/x.jsonl"));
    grus_shards_free(&shards);
    // A name of no known type.
    ck_assert_int_eq(list_of(&shards, path_of("a.csv"), NULL, &error), GRUS_E_USAGE);
    grus_shards_free(&shards);
    ck_assert_int_eq(grus_inputs_list(&shards, &(grus_inputs){0}, &error), GRUS_E_USAGE);
}
END_TEST

START_TEST(every_shard_has_one_rank)
{
    for (size_t world = 1; world < 9; world++)
        for (size_t i = 0; i < 100; i++) {
            size_t owners = 0;
            for (size_t rank = 0; rank < world; rank++)
                owners += grus_shard_is_mine(i, rank, world);
            ck_assert_uint_eq(owners, 1);
        }
    ck_assert(grus_shard_is_mine(7, 1, 3));
}
END_TEST

// ---- CPUs ----

START_TEST(cgroup_quota_is_read)
{
    static const char *const dirs[] = {"pod", "pod/job", "cpu", "cpu/batch", "cpu/batch/job"};
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
        ck_assert_int_eq(mkdir(path_of(dirs[i]), 0700), 0);
    ck_assert_uint_eq(grus_cgroup_cpus("0::/pod/job\n", folder), 0);
    put_file("pod/cpu.max", "max 100000\n");
    ck_assert_uint_eq(grus_cgroup_cpus("0::/pod/job\n", folder), 0);
    put_file("pod/cpu.max", "250000 100000\n");
    ck_assert_uint_eq(grus_cgroup_cpus("0::/pod/job\n", folder), 3);
    put_file("pod/job/cpu.max", "50000 100000\n");
    ck_assert_uint_eq(grus_cgroup_cpus("0::/pod/job\n", folder), 1);
    put_file("pod/job/cpu.max", "800000 100000\n");
    ck_assert_uint_eq(grus_cgroup_cpus("0::/pod/job\n", folder), 3);
    put_file("cpu.max", "200000 100000\n");
    ck_assert_uint_eq(grus_cgroup_cpus("0::/pod/job\n", folder), 2);

    // Version 1, beside the empty unified hierarchy.
    static const char groups[] = "5:cpuset:/\n4:cpuacct,cpu:/batch/job\n1:name=systemd:/x\n";
    ck_assert_uint_eq(grus_cgroup_cpus(groups, folder), 0);
    put_file("cpu/batch/job/cpu.cfs_quota_us", "-1\n");
    put_file("cpu/batch/job/cpu.cfs_period_us", "100000\n");
    ck_assert_uint_eq(grus_cgroup_cpus(groups, folder), 0);
    put_file("cpu/batch/cpu.cfs_quota_us", "400000\n");
    put_file("cpu/batch/cpu.cfs_period_us", "100000\n");
    ck_assert_uint_eq(grus_cgroup_cpus(groups, folder), 4);
    // A container sees the path of the host, and its own group at the root.
    put_file("cpu/cpu.cfs_quota_us", "150000\n");
    put_file("cpu/cpu.cfs_period_us", "100000\n");
    ck_assert_uint_eq(grus_cgroup_cpus("4:cpu:/docker/not-here\n", folder), 2);
    // Nonsense is no quota.
    ck_assert_uint_eq(grus_cgroup_cpus("", folder), 0);
    ck_assert_uint_eq(grus_cgroup_cpus("no colons\n:\n4:cpu", folder), 0);
    ck_assert_uint_ge(grus_cpus(), 1);
}
END_TEST

TCase *shards_case(void)
{
    TCase *shards = tcase_create("shards");
    tcase_add_checked_fixture(shards, make_folder, remove_folder);
    tcase_add_test(shards, directory_is_its_shards_in_byte_order);
    tcase_add_test(shards, others_are_named);
    tcase_add_test(shards, equal_stems_are_refused);
    tcase_add_test(shards, what_cannot_be_opened_is_told);
    tcase_add_test(shards, every_shard_has_one_rank);
    tcase_add_test(shards, cgroup_quota_is_read);
    return shards;
}
