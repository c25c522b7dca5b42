// check_scheduler.c: the queue under threads, the arithmetic of a plan, the listing and division of shards, the CPUs
// that a cgroup allows, and slots. No model is needed here; tests/run_*.sh run the whole.
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scheduler/batcher.h"
#include "scheduler/causes.h"
#include "scheduler/cpus.h"
#include "scheduler/plan.h"
#include "scheduler/queue.h"
#include "scheduler/shards.h"

// ---- queue ----

#define MOST_WORKERS 8

// A run of `slots` numbered slots through the queue. The reader writes a slot's number into first_number and length, a
// worker its square into n_positions, the writer checks the order and both.
typedef struct flow {
    grus_queue *queue;
    size_t slots, n_slots, n_big;
    unsigned seed;
    pthread_mutex_t lock;
    size_t in_flight, most_in_flight, big, most_big; // under lock
    size_t written, skipped;                         // the writer's, read after it has ended
    size_t abandon_at;                               // the writer abandons shard 0 behind so many slots
    size_t stop_at;                                  // and stops the queue behind so many
} flow;

static void pause_a_little(unsigned *seed)
{
    if (rand_r(seed) % 4 == 0)
        usleep((useconds_t)(rand_r(seed) % 300));
}

static void *flow_reader(void *argument)
{
    flow *run = argument;
    unsigned seed = run->seed;
    for (size_t i = 0; i < run->slots; i++) {
        grus_slot *slot = grus_queue_reserve(run->queue);
        if (!slot)
            break;
        bool big = i % 5 == 0;
        if (big && !grus_queue_big(run->queue, slot))
            break;
        slot->shard = i < run->slots / 2 ? 0 : 1;
        slot->first_number = i;
        slot->n_positions = 0;
        pthread_mutex_lock(&run->lock);
        run->most_in_flight = ++run->in_flight > run->most_in_flight ? run->in_flight : run->most_in_flight;
        run->big += big;
        run->most_big = run->big > run->most_big ? run->big : run->most_big;
        pthread_mutex_unlock(&run->lock);
        grus_queue_fill(run->queue, slot);
        pause_a_little(&seed);
    }
    grus_queue_end(run->queue);
    return NULL;
}

static void *flow_worker(void *argument)
{
    flow *run = argument;
    unsigned seed = run->seed + 17;
    for (grus_slot *slot; (slot = grus_queue_take(run->queue)) != NULL;) {
        pause_a_little(&seed);
        slot->n_positions = (size_t)(slot->first_number * slot->first_number);
        grus_queue_finish(run->queue, slot);
    }
    return NULL;
}

static void *flow_writer(void *argument)
{
    flow *run = argument;
    unsigned seed = run->seed + 31;
    for (grus_slot *slot; (slot = grus_queue_next(run->queue)) != NULL;) {
        ck_assert_uint_eq(slot->first_number, run->written);
        ck_assert_uint_eq(slot->n_positions, run->written * run->written);
        run->skipped += slot->skip;
        run->written++;
        pause_a_little(&seed);
        pthread_mutex_lock(&run->lock);
        run->in_flight--;
        run->big -= slot->big;
        pthread_mutex_unlock(&run->lock);
        if (run->written == run->abandon_at)
            grus_queue_abandon(run->queue, 0);
        grus_queue_release(run->queue, slot);
        if (run->written == run->stop_at)
            grus_queue_stop(run->queue);
    }
    return NULL;
}

static void run_flow(flow *run, size_t workers)
{
    pthread_t reader, writer, team[MOST_WORKERS];
    pthread_mutex_init(&run->lock, NULL);
    run->queue = grus_queue_new(run->n_slots, run->n_big);
    ck_assert_ptr_nonnull(run->queue);
    ck_assert_int_eq(pthread_create(&writer, NULL, flow_writer, run), 0);
    ck_assert_int_eq(pthread_create(&reader, NULL, flow_reader, run), 0);
    for (size_t i = 0; i < workers; i++)
        ck_assert_int_eq(pthread_create(&team[i], NULL, flow_worker, run), 0);
    pthread_join(reader, NULL);
    for (size_t i = 0; i < workers; i++)
        pthread_join(team[i], NULL);
    pthread_join(writer, NULL);
    grus_queue_free(run->queue);
    pthread_mutex_destroy(&run->lock);
}

static const size_t team_sizes[] = {1, 2, 3, 8};

START_TEST(queue_keeps_the_order)
{
    size_t workers = team_sizes[_i];
    for (size_t n_slots = 1; n_slots <= 2 * workers + 2; n_slots += workers)
        for (unsigned seed = 0; seed < 3; seed++) {
            flow run = {.slots = 400, .n_slots = n_slots, .n_big = 1 + seed, .seed = seed};
            run_flow(&run, workers);
            ck_assert_uint_eq(run.written, 400);
            ck_assert_uint_le(run.most_in_flight, n_slots);
            ck_assert_uint_le(run.most_big, 1 + seed);
            ck_assert_uint_eq(run.skipped, 0);
        }
}
END_TEST

START_TEST(queue_skips_an_abandoned_shard)
{
    flow run = {.slots = 200, .n_slots = 6, .n_big = 2, .abandon_at = 10};
    run_flow(&run, team_sizes[_i]);
    ck_assert_uint_eq(run.written, 200);
    ck_assert_uint_ge(run.skipped, 100 - 10 - 6);
    ck_assert_uint_le(run.skipped, 100 - 10);
}
END_TEST

START_TEST(queue_stop_wakes_everybody)
{
    for (size_t stop_at = 1; stop_at < 40; stop_at += 3) {
        flow run = {.slots = 100000, .n_slots = 4, .n_big = 1, .stop_at = stop_at, .seed = (unsigned)stop_at};
        run_flow(&run, team_sizes[_i]);
        ck_assert_uint_eq(run.written, stop_at);
    }
}
END_TEST

START_TEST(queue_of_nothing_ends)
{
    flow run = {.slots = 0, .n_slots = 3, .n_big = 1};
    run_flow(&run, 3);
    ck_assert_uint_eq(run.written, 0);
}
END_TEST

// ---- plan ----

typedef struct costs_context {
    size_t position, record; // bytes
} costs_context;

static size_t workspace_cost(const void *context, const grus_slot_bounds *bounds)
{
    const costs_context *costs = context;
    return costs->position * bounds->positions + costs->record * bounds->records;
}

static size_t output_cost(const void *context, const grus_slot_bounds *bounds)
{
    (void)context;
    return bounds->bytes + 10 * bounds->positions;
}

static const costs_context some_costs = {.position = 20000, .record = 100};

static grus_plan_costs make_costs(void)
{
    return (grus_plan_costs){.context = &some_costs,
                             .fixed = 100 << 20,
                             .workspace = workspace_cost,
                             .output = output_cost,
                             .max_record = 16 << 20};
}

START_TEST(plan_without_bound_is_what_was_asked)
{
    grus_plan_costs costs = make_costs();
    grus_plan plan;
    grus_error error;
    ck_assert_int_eq(grus_plan_make(&costs, 4, 0, 0, &plan, &error), GRUS_OK);
    ck_assert_uint_eq(plan.threads, 4);
    ck_assert_uint_eq(plan.batch_tokens, GRUS_BATCH_TOKENS);
    ck_assert_uint_gt(plan.slots, plan.threads);
    ck_assert_uint_eq(plan.slot.positions, GRUS_BATCH_TOKENS);
    ck_assert_uint_eq(plan.wide_tokens, GRUS_WIDE_TOKENS);
    ck_assert_uint_eq(plan.big.positions, GRUS_WIDE_TOKENS);
    ck_assert_uint_ge(plan.big.bytes, costs.max_record);

    size_t worker = workspace_cost(&some_costs, &plan.slot), big_worker = workspace_cost(&some_costs, &plan.big);
    size_t expected = costs.fixed + plan.threads * worker + plan.slots * grus_slot_bytes(&plan.slot) +
                      plan.big_slots * (big_worker - worker + grus_slot_bytes(&plan.big)) +
                      grus_batcher_bytes(&plan.ahead);
    ck_assert_uint_eq(plan.memory, expected);
    ck_assert_int_eq(grus_plan_make(&costs, 4, 1, 0, &plan, &error), GRUS_OK);
    ck_assert_uint_eq(plan.batch_tokens, 1);
    ck_assert_uint_eq(plan.wide_tokens, 1);
    ck_assert_uint_eq(plan.big.positions, GRUS_RECORD_POSITIONS);
    ck_assert_uint_eq(plan.slot.positions, GRUS_LEAST_POSITIONS);
}
END_TEST

START_TEST(plan_keeps_within_the_bound)
{
    grus_plan_costs costs = make_costs();
    grus_plan whole, plan;
    grus_error error;
    ck_assert_int_eq(grus_plan_make(&costs, 8, 0, 0, &whole, &error), GRUS_OK);
    size_t previous_threads = whole.threads;
    for (size_t bound = whole.memory; bound > 10; bound -= bound / 20) {
        grus_status status = grus_plan_make(&costs, 8, 0, bound, &plan, &error);
        if (status != GRUS_OK) {
            ck_assert_int_eq(status, GRUS_E_USAGE);
            // The least that would do, does.
            ck_assert_uint_gt(plan.memory, bound);
            ck_assert_int_eq(grus_plan_make(&costs, 8, 0, plan.memory, &plan, &error), GRUS_OK);
            ck_assert_uint_eq(plan.threads, 1);
            return;
        }
        ck_assert_uint_le(plan.memory, bound);
        ck_assert_uint_le(plan.threads, previous_threads);
        // Threads go last.
        if (plan.threads == 8 && plan.slots < whole.slots)
            ck_assert_uint_le(plan.slot.positions, 2 * GRUS_LEAST_POSITIONS);
        previous_threads = plan.threads;
    }
    ck_abort_msg("no bound was too small");
}
END_TEST

START_TEST(plan_of_huge_sizes_does_not_wrap)
{
    grus_plan_costs costs = make_costs();
    grus_plan plan;
    grus_error error;
    costs.fixed = SIZE_MAX - 5;
    ck_assert_int_eq(grus_plan_make(&costs, 4096, (size_t)1 << 30, 0, &plan, &error), GRUS_OK);
    ck_assert_uint_eq(plan.memory, SIZE_MAX);
    ck_assert_int_eq(grus_plan_make(&costs, 4, 0, (size_t)1 << 40, &plan, &error), GRUS_E_USAGE);
}
END_TEST

// ---- slots ----

START_TEST(slot_forgets_and_shrinks)
{
    grus_slot_bounds small = {.positions = 10, .records = 4, .bytes = 100, .targets = true, .out_bytes = 50};
    grus_slot_bounds large = {.positions = 10000, .records = 1, .bytes = 100000, .targets = true, .out_bytes = 50};
    grus_slot slot = {0};
    grus_error error;
    ck_assert_int_eq(grus_slot_reset(&slot, &large, &error), GRUS_OK);
    ck_assert_uint_ge(slot.lines.capacity, 100000);
    for (int i = 0; i < 1000; i++)
        grus_buffer_text(&slot.out, "text");
    slot.n_records = 1;
    slot.causes[GRUS_CAUSE_BLANK] = 1;
    ck_assert_uint_eq(grus_slot_records_failed(&slot), 1);
    ck_assert_int_eq(grus_slot_reset(&slot, &small, &error), GRUS_OK);
    ck_assert_uint_eq(slot.lines.capacity, 100);
    ck_assert_uint_eq(slot.ids.capacity, 10);
    ck_assert_uint_ge(slot.records_capacity, 4);
    ck_assert_uint_eq(slot.out.capacity, 0);
    ck_assert_uint_eq(slot.n_records, 0);
    ck_assert_uint_eq(grus_slot_records_failed(&slot), 0);

    // The first failure is kept.
    error.status = GRUS_E_MEMORY;
    grus_slot_fail(&slot, &error);
    error.status = GRUS_E_FAILED;
    grus_slot_fail(&slot, &error);
    ck_assert_int_eq(slot.error.status, GRUS_E_MEMORY);
    grus_slot_free(&slot);
}
END_TEST

START_TEST(causes_are_found_by_name)
{
    for (int i = 0; i < GRUS_N_CAUSES; i++) {
        ck_assert_ptr_nonnull(grus_cause_name((grus_cause)i));
        ck_assert_int_eq(grus_cause_find(grus_cause_name((grus_cause)i)), i);
    }
    ck_assert_int_eq(grus_cause_find("never heard of"), GRUS_CAUSE_OTHER);
}
END_TEST

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
    return grus_shards_list(shards, inputs, other ? 2 : 1, error);
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
    grus_shards_free(&shards);
    ck_assert_int_eq(list_of(&shards, path_of("dir.jsonl"), NULL, &error), GRUS_E_INPUT);
    grus_shards_free(&shards);
    ck_assert_int_eq(list_of(&shards, path_of("inner"), NULL, &error), GRUS_E_INPUT);
    ck_assert_str_eq(error.file, path_of("inner/x.jsonl"));
    grus_shards_free(&shards);
    // A name of no known type.
    ck_assert_int_eq(list_of(&shards, path_of("a.csv"), NULL, &error), GRUS_E_USAGE);
    grus_shards_free(&shards);
    ck_assert_int_eq(grus_shards_list(&shards, NULL, 0, &error), GRUS_E_USAGE);
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

// ---- records in memory ----

START_TEST(records_in_memory_are_annotated)
{
    static const char lines[] =
        "{\"text\": \"og\"}\n\n{\"text\": \"yö\"}\r\n{\"text\": \"\"}\n{\"text\": 1}\n{\"text\": \"og\"}";
    const char *source = getenv("srcdir");
    char dir[256], *output, *again;
    size_t size, size_again;
    grus_model *model;
    grus_run_options options;
    grus_error error;
    snprintf(dir, sizeof dir, "%s/tests/golden/bahdanau/model", source ? source : ".");
    ck_assert_int_eq(grus_model_load(dir, true, NULL, NULL, &model, &error), GRUS_OK);
    grus_run_options_init(&options, model);
    ck_assert_int_eq(grus_annotate(model, &options, lines, sizeof lines - 1, &output, &size, &error), GRUS_OK);
    ck_assert_uint_gt(size, 0);
    size_t n = 0;
    for (size_t i = 0; i < size; i++)
        n += output[i] == '\n';
    ck_assert_uint_eq(n, 6);
    static const char start[] = "{\"text\": \"og\", \"output\": ";
    ck_assert_int_eq(memcmp(output, start, sizeof start - 1), 0);

    // The batches do not show.
    options.batch_tokens = 1;
    ck_assert_int_eq(grus_annotate(model, &options, lines, sizeof lines - 1, &again, &size_again, &error), GRUS_OK);
    ck_assert_uint_eq(size, size_again);
    ck_assert_int_eq(memcmp(output, again, size), 0);
    free(again);
    free(output);

    ck_assert_int_eq(grus_annotate(model, &options, "", 0, &output, &size, &error), GRUS_OK);
    ck_assert_uint_eq(size, 0);
    free(output);
    options.fail_on_error = true;
    ck_assert_int_eq(grus_annotate(model, &options, lines, sizeof lines - 1, &output, &size, &error), GRUS_E_FAILED);
    ck_assert_str_eq(error.place, "line 2");
    options.search.n_best = 7;
    ck_assert_int_eq(grus_annotate(model, &options, lines, sizeof lines - 1, &output, &size, &error), GRUS_E_USAGE);
    grus_model_free(model);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler");

    TCase *queue = tcase_create("queue");
    int teams = (int)(sizeof team_sizes / sizeof *team_sizes);
    tcase_add_loop_test(queue, queue_keeps_the_order, 0, teams);
    tcase_add_loop_test(queue, queue_skips_an_abandoned_shard, 0, teams);
    tcase_add_loop_test(queue, queue_stop_wakes_everybody, 0, teams);
    tcase_add_test(queue, queue_of_nothing_ends);
    suite_add_tcase(suite, queue);

    TCase *plan = tcase_create("plan");
    tcase_add_test(plan, plan_without_bound_is_what_was_asked);
    tcase_add_test(plan, plan_keeps_within_the_bound);
    tcase_add_test(plan, plan_of_huge_sizes_does_not_wrap);
    suite_add_tcase(suite, plan);

    TCase *batches = tcase_create("batches");
    tcase_add_test(batches, slot_forgets_and_shrinks);
    tcase_add_test(batches, causes_are_found_by_name);
    suite_add_tcase(suite, batches);

    TCase *shards = tcase_create("shards");
    tcase_add_checked_fixture(shards, make_folder, remove_folder);
    tcase_add_test(shards, directory_is_its_shards_in_byte_order);
    tcase_add_test(shards, equal_stems_are_refused);
    tcase_add_test(shards, what_cannot_be_opened_is_told);
    tcase_add_test(shards, every_shard_has_one_rank);
    tcase_add_test(shards, cgroup_quota_is_read);
    suite_add_tcase(suite, shards);

    TCase *memory = tcase_create("memory");
    tcase_add_test(memory, records_in_memory_are_annotated);
    suite_add_tcase(suite, memory);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
