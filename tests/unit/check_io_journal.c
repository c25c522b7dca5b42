// check_io_journal.c: the journal of a shard: what is in it comes back, whatever has happened to its end; and what is
// damaged anywhere, or another shard's, never does.
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/outdir/journal.h"
#include "io/outdir/outdir.h"
#include "io/outdir/partial.h"
#include "io/outdir/temporary.h"
#include "tests/unit/check_io.h"

#define SUFFIX ".txt.zst"

static char outdir[512], partial[600];
static grus_journal_key key;

static void prepare(void)
{
    grus_error error;
    make_test_dir();
    snprintf(outdir, sizeof outdir, "%s", test_path("out"));
    snprintf(partial, sizeof partial, "%s/.grus/partial", outdir);
    ck_assert_int_eq(grus_outdir_prepare(outdir, &error), GRUS_OK);
    key = (grus_journal_key){.outdir = outdir, .stem = "s", .run = "r", .input = "s.jsonl", .input_bytes = 12};
}

// The results of records first … first + n - 1: a line for each, of which every 100th is long and does not compress.
static void add_results(grus_buffer *results, uint64_t first, uint64_t n)
{
    for (uint64_t i = first; i < first + n; i++) {
        uint64_t state = i + 1;
        grus_buffer_printf(results, "record %llu", (unsigned long long)i);
        for (size_t k = 0; i % 100 == 0 && k < 3000; k++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            grus_buffer_byte(results, (char)('A' + (state >> 33) % 57));
        }
        grus_buffer_byte(results, '\n');
    }
    ck_assert(!results->failed);
}

static void write_records(grus_journal *journal, uint64_t first, uint64_t n)
{
    grus_buffer results = {0};
    grus_error error;
    add_results(&results, first, n);
    ck_assert_int_eq(grus_journal_write(journal, results.data, results.size, &error), GRUS_OK);
    grus_buffer_free(&results);
}

static void checkpoint_at(grus_journal *journal, uint64_t records)
{
    grus_error error;
    grus_checkpoint checkpoint = {.records = records, .input_bytes = 7 * records, .input_xxh64 = ~records};
    for (size_t i = 0; i < GRUS_CHECKPOINT_COUNTERS; i++)
        checkpoint.counters[i] = records << i;
    ck_assert_int_eq(grus_journal_checkpoint(journal, &checkpoint, &error), GRUS_OK);
}

// What a resume writes is the results of its records, and the numbers are those of its checkpoint.
static void expect_resume(grus_resume *resume, uint64_t records)
{
    grus_error error;
    grus_output *output;
    char name[] = "s.jsonl";
    grus_manifest manifest = {.input = name, .kernel = "k", .version = "v"};
    const grus_checkpoint *checkpoint = grus_resume_checkpoint(resume);
    grus_buffer wanted = {0}, found = {0};
    ck_assert_uint_eq(checkpoint->records, records);
    ck_assert_uint_eq(checkpoint->input_bytes, 7 * records);
    ck_assert_uint_eq(checkpoint->input_xxh64, ~records);
    for (size_t i = 0; i < GRUS_CHECKPOINT_COUNTERS; i++)
        ck_assert_uint_eq(checkpoint->counters[i], records << i);
    add_results(&wanted, 0, records);
    ck_assert_uint_eq(checkpoint->result_bytes, wanted.size);

    ck_assert_int_eq(grus_output_open(outdir, "replayed", ".plain", 3, &output, &error), GRUS_OK);
    ck_assert_int_eq(grus_resume_replay(resume, output, &error), GRUS_OK);
    ck_assert_int_eq(grus_output_commit(output, &manifest, &error), GRUS_OK);
    char path[700];
    snprintf(path, sizeof path, "%s/replayed.plain", outdir);
    read_file(path, &found);
    expect_bytes(&found, wanted.data, wanted.size);
    unlink(path);
    grus_buffer_free(&wanted);
    grus_buffer_free(&found);
}

static grus_resume *find(void)
{
    grus_error error;
    grus_resume *resume;
    ck_assert_int_eq(grus_resume_find(&key, &resume, &error), GRUS_OK);
    return resume;
}

static grus_journal *begin(grus_resume *resume)
{
    grus_error error;
    grus_journal *journal;
    ck_assert_int_eq(grus_journal_open(&key, resume, &journal, &error), GRUS_OK);
    return journal;
}

// Writes a journal of 50 and 900 records and a bit more in a process that then dies.
static void die_writing(void)
{
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        grus_journal *journal = begin(NULL);
        write_records(journal, 0, 50);
        checkpoint_at(journal, 50);
        write_records(journal, 50, 850);
        checkpoint_at(journal, 900);
        write_records(journal, 900, 4000);
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

START_TEST(what_was_done_comes_back)
{
    ck_assert_ptr_null(find());
    die_writing();
    grus_resume *resume = find();
    ck_assert_ptr_nonnull(resume);
    expect_resume(resume, 900);
    // Twice, and with an owner that is dead.
    expect_resume(resume, 900);
    grus_partials_sweep(outdir, SUFFIX, NULL);
    ck_assert_uint_eq(count_files(partial), 1);

    grus_journal *journal = begin(resume);
    grus_resume_close(resume);
    ck_assert_uint_eq(count_files(partial), 1); // the old one is not needed any more
    write_records(journal, 900, 100);
    checkpoint_at(journal, 1000);
    resume = find(); // of a process that is alive
    ck_assert_ptr_nonnull(resume);
    expect_resume(resume, 1000);
    grus_resume_close(resume);
    grus_journal_close(journal, false);
    ck_assert_uint_eq(count_files(partial), 1);
    grus_journal_close(begin(NULL), false); // nothing in it
    ck_assert_uint_eq(count_files(partial), 1);
    grus_journal_close(begin(NULL), true);
}
END_TEST

START_TEST(the_longest_is_taken_and_all_go_when_the_shard_is_done)
{
    grus_error error;
    die_writing();
    grus_journal *journal = begin(NULL);
    write_records(journal, 0, 100);
    checkpoint_at(journal, 100);
    grus_resume *resume = find();
    expect_resume(resume, 900);
    grus_resume_close(resume);
    grus_journal_close(journal, true);
    key.stem = "other";
    ck_assert_ptr_null(find());
    key.stem = "s";
    grus_output *output;
    char name[] = "s.jsonl";
    grus_manifest manifest = {.input = name, .kernel = "k", .version = "v"};
    ck_assert_int_eq(grus_output_open(outdir, "s", SUFFIX, 3, &output, &error), GRUS_OK);
    ck_assert_int_eq(grus_output_commit(output, &manifest, &error), GRUS_OK);
    ck_assert_uint_eq(count_files(partial), 1);
    grus_partials_sweep(outdir, SUFFIX, NULL);
    ck_assert_uint_eq(count_files(partial), 0);
    die_writing();
    grus_journals_drop(outdir, "t");
    ck_assert_uint_eq(count_files(partial), 1);
    grus_journals_drop(outdir, "s");
    ck_assert_uint_eq(count_files(partial), 0);
}
END_TEST

START_TEST(another_key_is_another_journal)
{
    die_writing();
    grus_journal_key mine = key;
    for (int i = 0; i < 3; i++) {
        key = mine;
        if (i == 0)
            key.run = "q";
        else if (i == 1)
            key.input = "s.txt";
        else
            key.input_bytes++;
        ck_assert_ptr_null(find());
    }
    key = mine;
    grus_resume *resume = find();
    ck_assert_ptr_nonnull(resume);
    grus_resume_close(resume);
}
END_TEST

// A short journal, whole, and where its checkpoints end.
typedef struct sample {
    grus_buffer bytes;
    size_t ends[3];
} sample;

static void make_sample(sample *made)
{
    grus_journal *journal = begin(NULL);
    *made = (sample){0};
    for (uint64_t i = 0; i < 3; i++) {
        write_records(journal, 10 * i + 1, 10);
        checkpoint_at(journal, 10 * i + 10);
        grus_partials list;
        grus_error error;
        struct stat about;
        char name[900];
        ck_assert_int_eq(grus_partials_list(outdir, &list, &error), GRUS_OK);
        ck_assert_uint_eq(list.n, 1);
        ck_assert(list.list[0].journal);
        snprintf(name, sizeof name, "%s/%s", partial, list.list[0].name);
        grus_partials_free(&list);
        ck_assert_int_eq(stat(name, &about), 0);
        made->ends[i] = (size_t)about.st_size;
        grus_buffer_clear(&made->bytes);
        read_file(name, &made->bytes);
    }
    grus_journal_close(journal, true);
}

static uint64_t records_of(const void *data, size_t size)
{
    grus_error error;
    grus_resume *resume;
    ck_assert_int_eq(grus_resume_open(write_file("damaged", data, size), &key, &resume, &error), GRUS_OK);
    uint64_t records = resume ? grus_resume_checkpoint(resume)->records : 0;
    grus_resume_close(resume);
    return records;
}

START_TEST(a_torn_end_is_not_looked_at)
{
    sample whole;
    make_sample(&whole);
    for (size_t size = 0; size <= whole.bytes.size; size++) {
        uint64_t wanted = 0;
        for (uint64_t i = 0; i < 3; i++)
            wanted = size >= whole.ends[i] ? 10 * i + 10 : wanted;
        ck_assert_uint_eq(records_of(whole.bytes.data, size), wanted);
    }
    grus_buffer_text(&whole.bytes, "and garbage behind it");
    ck_assert_uint_eq(records_of(whole.bytes.data, whole.bytes.size), 30);
    grus_buffer_free(&whole.bytes);
}
END_TEST

START_TEST(a_damaged_byte_ends_what_is_believed)
{
    sample whole;
    make_sample(&whole);
    for (size_t at = 0; at < whole.bytes.size; at++) {
        uint64_t before = 0;
        for (uint64_t i = 0; i < 3; i++)
            before = at >= whole.ends[i] ? 10 * i + 10 : before;
        char sound = whole.bytes.data[at];
        whole.bytes.data[at] = (char)(sound ^ 1 << at % 8);
        ck_assert_uint_eq(records_of(whole.bytes.data, whole.bytes.size), before);
        whole.bytes.data[at] = sound;
    }
    grus_buffer_free(&whole.bytes);
}
END_TEST

START_TEST(what_is_no_file_is_no_journal)
{
    grus_error error;
    grus_resume *resume;
    const char *link = test_path("link");
    ck_assert_int_eq(grus_resume_open(test_path("missing"), &key, &resume, &error), GRUS_OK);
    ck_assert_ptr_null(resume);
    ck_assert_int_eq(grus_resume_open(outdir, &key, &resume, &error), GRUS_OK);
    ck_assert_ptr_null(resume);
    sample whole;
    make_sample(&whole);
    ck_assert_int_eq(symlink(write_file("whole", whole.bytes.data, whole.bytes.size), link), 0);
    ck_assert_int_eq(grus_resume_open(link, &key, &resume, &error), GRUS_OK);
    ck_assert_ptr_null(resume);
    ck_assert_int_eq(mkfifo(test_path("fifo"), 0600), 0);
    ck_assert_int_eq(grus_resume_open(test_path("fifo"), &key, &resume, &error), GRUS_OK);
    ck_assert_ptr_null(resume);
    grus_buffer_free(&whole.bytes);
}
END_TEST

Suite *journal_suite(void)
{
    Suite *suite = suite_create("journal");
    TCase *tests = tcase_create("journal");
    tcase_add_checked_fixture(tests, prepare, remove_test_dir);
    tcase_add_test(tests, what_was_done_comes_back);
    tcase_add_test(tests, the_longest_is_taken_and_all_go_when_the_shard_is_done);
    tcase_add_test(tests, another_key_is_another_journal);
    tcase_add_test(tests, a_torn_end_is_not_looked_at);
    tcase_add_test(tests, a_damaged_byte_ends_what_is_believed);
    tcase_add_test(tests, what_is_no_file_is_no_journal);
    suite_add_tcase(suite, tests);
    return suite;
}
